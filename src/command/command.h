/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The short-lived commands of `setia`: each reads its own command line (argv[0] is the command's
 * name), prints to stdout and errors to stderr, and returns an exit code: 0 done, 1 failed, 2 not
 * understood. One thread, nothing shared.
 */
#ifndef COMMAND_COMMAND_H
#define COMMAND_COMMAND_H

enum { COMMAND_DONE = 0, COMMAND_FAILED = 1, COMMAND_MISUSED = 2 };

int command_apply(int argc, char **argv);
int command_audit(int argc, char **argv);
int command_backup(int argc, char **argv);
int command_explain(int argc, char **argv);
int command_key(int argc, char **argv);
int command_cookie_key(int argc, char **argv);
int command_demo_echo(int argc, char **argv);
int command_demo_server(int argc, char **argv);
int command_restore(int argc, char **argv);
int command_status(int argc, char **argv);
int command_upgrade(int argc, char **argv);
int command_version(int argc, char **argv);

#endif
