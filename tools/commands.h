/* The subcommands. Each returns the exit status; argv[0] is its name. */
#ifndef TOOLS_COMMANDS_H
#define TOOLS_COMMANDS_H

int command_encode(int argc, char **argv);
int command_publish(int argc, char **argv);
int command_top(int argc, char **argv);
int command_record(int argc, char **argv);
int command_demo(int argc, char **argv);
int command_crash(int argc, char **argv);
int command_doctor(int argc, char **argv);

#endif
