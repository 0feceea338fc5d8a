#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "console.h"
#include "culvert/culvert.h"
#include "interrupt.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} commands[] = {
    {"encode", command_encode, "encode Y4M files or raw frames to H.264, VP8 or VP9"},
    {"publish", command_publish, "the same in real time, through a culvertd"},
    {"top", command_top, "show the sessions of a culvertd as they go"},
    {"record", command_record, "write the packets of a culvertd's session, and what they were, to files"},
    {"demo", command_demo, "play ten seconds of a game that is hard on a stream: new sizes, less bitrate, a loss"},
    {"crash", command_crash, "print the report that a worker of culvertd left when it crashed"},
    {"doctor", command_doctor, "say what is there, what is missing, and whether encoding works"},
};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

static int help(void)
{
    puts("usage: culvert COMMAND [OPTION...]\n\nLow-latency video encoding of game frames.\n");
    for (size_t i = 0; i < COMMANDS; i++)
        printf("  %-10s %s\n", commands[i].name, commands[i].help);
    puts("\n'culvert COMMAND --help' lists a command's options; 'culvert --version' prints the version.");
    return STATUS_OK;
}

static int version(void)
{
    printf("culvert %s\n", culvert_version());
    return STATUS_OK;
}

static int run(int argc, char **argv)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(argv[0], commands[i].name) == 0)
            return commands[i].run(argc, argv);
    }
    return misuse(NULL, "'%s': no such command", argv[0]);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return misuse(NULL, "a command is missing: encode, publish, top, record, crash, demo or doctor");
    interrupt_catch();
    const char *word = argv[1];
    int status;
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0)
        status = version();
    else if (argc == 2 && (strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0))
        status = help();
    else if (strcmp(word, "help") == 0)
        status = run(2, (char *[]){argv[2], "--help", NULL});
    else
        status = run(argc - 1, argv + 1);
    return status != STATUS_OK ? status : output_flush();
}
