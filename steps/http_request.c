#include "steps/kind.h"
#include "steps/kinds.h"

const struct step_kind kind_http_request = {
    .declaration =
        {
            .name = "http_request",
            .help = "sends one HTTP request",
            .effect = EFFECT_ONCE,
            .inputs =
                {
                    {.name = "method",
                     .type = TYPE_STRING,
                     .fallback = "GET",
                     .help = "GET, HEAD, POST, PUT, PATCH or DELETE"},
                    {.name = "url", .type = TYPE_STRING, .allows_secret = true, .help = "where to"},
                    {.name = "headers",
                     .type = TYPE_MAP,
                     .of_texts = true,
                     .optional = true,
                     .allows_secret = true,
                     .help = "header fields"},
                    {.name = "body",
                     .type = TYPE_ANY,
                     .optional = true,
                     .allows_secret = true,
                     .help = "text, or a map that is sent as JSON"},
                    {.name = "expect",
                     .type = TYPE_LIST,
                     .fallback = "[200]",
                     .help = "status codes that are a success"},
                    {.name = "username",
                     .type = TYPE_STRING,
                     .optional = true,
                     .help = "for basic authentication"},
                    {.name = "password",
                     .type = TYPE_STRING,
                     .optional = true,
                     .allows_secret = true,
                     .help = "for basic authentication"},
                    {.name = "ca", .type = TYPE_PATH, .optional = true, .help = "certificates to trust"},
                    {.name = "cert", .type = TYPE_PATH, .optional = true, .help = "client certificate"},
                    {.name = "key",
                     .type = TYPE_PATH,
                     .optional = true,
                     .help = "the client certificate's key"},
                },
            .outputs =
                {
                    {"http_status", TYPE_INT, "status code of the answer"},
                },
            .general = true,
            .answers = "status|headers|body",
            .later = true,
        },
};
