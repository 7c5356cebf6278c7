/* What is done with a store whose content is any bytes: everything that pawl does with one before it acts. */
#ifndef PAWL_TESTS_FUZZ_STORED_H
#define PAWL_TESTS_FUZZ_STORED_H

/* Opens, verifies, lists, shows, loads each run, decides on it, and rebuilds the projections, in this order.
 */
void stored_use(const char *path, unsigned random);

#endif
