/* pawl as helm's post-renderer (helm 3 before 3.13, which has no release labels): manifest in, manifest out,
 * with the token of this start of helm in a comment. Chosen by the variable POST_RENDER_VARIABLE
 * (steps/helm_marks.h) that helm_upgrade puts into helm's environment. */
#ifndef PAWL_CLI_POST_RENDER_H
#define PAWL_CLI_POST_RENDER_H

/* The exit status. */
int post_render(const char *token);

#endif
