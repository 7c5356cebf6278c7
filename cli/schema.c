/* pawl schema: a JSON Schema of job files for editors. What belongs to the format stands here; the kinds are
 * read off their declarations. The checker knows more: types of expressions, references, order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/declaration.h"
#include "base/json.h"
#include "base/memory.h"
#include "cli/commands.h"
#include "cli/report.h"
#include "steps/kind.h"

/* ' stands for ", so that it can be read. */
static const char FRAME[] =
    "{'$schema':'https://json-schema.org/draft/2020-12/schema','title':'pawl job file, version 1',"
    "'type':'object','additionalProperties':false,'required':['job','version','steps'],"
    "'properties':{"
    "'job':{'type':'string','pattern':'^[a-z0-9][a-z0-9-]*$','maxLength':63},"
    "'version':{'const':1},"
    "'description':{'type':'string'},"
    "'params':{'type':'object','maxProperties':200,'additionalProperties':{'$ref':'#/$defs/param'}},"
    "'vars':{'type':'object'},"
    "'lock':{'type':'string','description':'NAMESPACE/NAME: one run at a time holds it'},"
    "'defaults':{'type':'object','additionalProperties':false,"
    "'properties':{'timeout':{'$ref':'#/$defs/duration'},'retry':{'$ref':'#/$defs/retry'}}},"
    "'steps':{'type':'array','minItems':1,'maxItems':2000,'items':{'$ref':'#/$defs/step'}},"
    "'on_success':{'type':'array'},'on_failure':{'type':'array'},'on_waiting':{'type':'array'}},"
    "'$defs':{"
    "'expression':{'type':'string','pattern':'^\\\\s*\\\\$\\\\{[\\\\s\\\\S]*\\\\}\\\\s*$'},"
    "'duration':{'type':'string',"
    "'pattern':'^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$','minLength':2},"
    "'param':{'type':'object','additionalProperties':false,'required':['type'],'properties':{"
    "'type':{'enum':['string','int','float','bool','duration','path','list','map','secret']},"
    "'default':true,'help':{'type':'string'},'min':true,'max':true,'enum':{'type':'array'},"
    "'pattern':{'type':'string'}}},"
    "'retry':{'type':'object','additionalProperties':false,'properties':{"
    "'attempts':{'type':'integer','minimum':1,'maximum':1000},'delay':{'$ref':'#/$defs/duration'},"
    "'max_delay':{'$ref':'#/$defs/duration'},'factor':{'type':'number','minimum':1},"
    "'jitter':{'type':'number','minimum':0,'maximum':1},'timeout':{'$ref':'#/$defs/duration'},"
    "'on_exit':{'type':'array','items':{'type':'integer'}}}},"
    "'goto':{'type':'object','additionalProperties':false,'required':['goto'],'properties':{"
    "'goto':{'type':'string'},'max_visits':{'type':'integer','minimum':1,'maximum':1000}}},"
    "'call':{'type':'object','required':['uses'],'additionalProperties':false,'properties':{"
    "'uses':{'type':'string'},'with':{'type':'object'},'done':{'$ref':'#/$defs/expression'},"
    "'in_progress':{'$ref':'#/$defs/expression'}}},"
    "'output':{'type':'object','additionalProperties':false,'required':['type','value'],'properties':{"
    "'type':{'enum':['string','int','float','bool','list','map']},"
    "'value':{'$ref':'#/$defs/expression'},'default':true}},"
    "'step':{'type':'object','additionalProperties':false,'required':['id','uses'],'properties':{"
    "'id':{'type':'string','maxLength':63},'name':{'type':'string'},'uses':{'type':'string'},"
    "'with':{'type':'object'},'if':{'$ref':'#/$defs/expression'},"
    "'guards':{'type':'array','maxItems':8,'items':{'type':'string'}},'approve':{'type':'string'},"
    "'timeout':{'$ref':'#/$defs/duration'},'retry':{'$ref':'#/$defs/retry'},"
    "'next':{'anyOf':[{'type':'string'},{'$ref':'#/$defs/goto'}]},"
    "'on_failure':{'anyOf':[{'enum':['stop','continue','rollback']},{'$ref':'#/$defs/goto'}]},"
    "'settle':{'$ref':'#/$defs/duration'},'effect':{'enum':['observe','converge','once']},"
    "'probe':{'$ref':'#/$defs/call'},'undo':{'$ref':'#/$defs/call'},"
    "'outputs':{'type':'object','additionalProperties':{'$ref':'#/$defs/output'}},"
    "'until':{'$ref':'#/$defs/expression'},'every':{'$ref':'#/$defs/duration'},"
    "'stable_for':{'$ref':'#/$defs/duration'},"
    "'rehearse':{'type':'object','additionalProperties':false,'properties':{'exit_code':{'type':'integer'},"
    "'stdout':{'type':'string'},'status':{'type':'integer'},'body':true,"
    "'again':{'type':'object','additionalProperties':false,'properties':{'exit_code':{'type':'integer'},"
    "'stdout':{'type':'string'},'status':{'type':'integer'},'body':true}}}}}}}}";

static json_t *read_frame(void)
{
    char *text = string_copy(FRAME);
    for (char *quote = text; (quote = strchr(quote, '\''));)
        *quote = '"';
    json_t *frame = json_loads(text, 0, NULL);
    free(text);
    return frame;
}

static json_t *enum_json(const char *one_of)
{
    json_t *values = json_array();
    for (const char *at = one_of; *at; at += strspn(at, "|")) {
        size_t length = strcspn(at, "|");
        json_array_append_new(values, json_stringn(at, length));
        at += length;
    }
    return json_pack("{s:o}", "enum", values);
}

/* What a value of a type looks like; `${…}` may stand for any. */
static json_t *type_schema(const struct declared_input *input)
{
    static const char *const types[TYPE_COUNT] = {
        [TYPE_STRING] = "string", [TYPE_INT] = "integer", [TYPE_FLOAT] = "number", [TYPE_BOOL] = "boolean",
        [TYPE_PATH] = "string",   [TYPE_LIST] = "array",  [TYPE_MAP] = "object",   [TYPE_SECRET] = "string"};
    if (input->one_of)
        return enum_json(input->one_of);
    if (input->type == TYPE_DURATION)
        return json_pack("{s:s}", "$ref", "#/$defs/duration");
    /* A plain scalar is read by the expected type: `version: 1.10` is text. */
    if (input->type == TYPE_STRING || input->type == TYPE_PATH)
        return json_pack("{s:[s,s,s]}", "type", "string", "number", "boolean");
    return types[input->type] ? json_pack("{s:s}", "type", types[input->type]) : json_object();
}

static json_t *input_schema(const struct declared_input *input)
{
    json_t *schema = json_pack("{s:[o,{s:s}]}", "anyOf", type_schema(input), "$ref", "#/$defs/expression");
    if (input->help)
        json_object_set_new(schema, "description", json_string(input->help));
    if (input->fallback)
        json_object_set_new(schema, "default", json_string(input->fallback));
    return schema;
}

static json_t *kind_schema(const struct kind_declaration *kind)
{
    json_t *properties = json_object(), *required = json_array();
    for (const struct declared_input *input = kind->inputs; input->name; input++) {
        json_object_set_new(properties, input->name, input_schema(input));
        bool alternative = kind->alternatives && strstr(kind->alternatives, input->name);
        if (!input->optional && !input->fallback && !alternative)
            json_array_append_new(required, json_string(input->name));
    }
    bool needs_with = json_array_size(required) > 0;
    json_t *with = json_pack("{s:s,s:b,s:o,s:o}", "type", "object", "additionalProperties", 0, "properties",
                             properties, "required", required);
    json_t *then = json_pack("{s:{s:o}}", "properties", "with", with);
    if (needs_with)
        json_object_set_new(then, "required", json_pack("[s]", "with"));
    json_object_set_new(then, "description", json_string(kind->help));
    return json_pack("{s:{s:{s:{s:s}}},s:o}", "if", "properties", "uses", "const", kind->name, "then", then);
}

int command_schema(struct invocation *invocation)
{
    (void)invocation; /* it is JSON in any case */
    json_t *schema = read_frame(), *kinds = json_array(), *names = json_array();
    json_t *step = json_at(schema, "$defs", "step", NULL);
    for (const struct kind_declaration *const *kind = step_declarations(); *kind; kind++) {
        json_array_append_new(names, json_string((*kind)->name));
        json_array_append_new(kinds, kind_schema(*kind));
    }
    json_object_set_new(json_at(step, "properties", NULL), "uses", json_pack("{s:o}", "enum", names));
    json_object_set_new(step, "allOf", kinds);
    char *text = json_dumps(schema, JSON_INDENT(2));
    puts(text);
    free(text);
    json_decref(schema);
    return EXIT_SUCCEEDED;
}
