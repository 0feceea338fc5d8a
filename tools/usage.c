#include "settings.h"

#include <string.h>

#include "options.h"

/* Words of text from column `left` to 100. */
static void print_wrapped(FILE *file, const char *text, int left)
{
    int column = left;
    while (*text) {
        const int word = (int)strcspn(text, " ");
        if (column > left && column + 1 + word > 100) {
            fprintf(file, "\n%*s", left, "");
            column = left;
        }
        column += fprintf(file, "%s%.*s", column > left ? " " : "", word, text);
        text += word;
        text += *text == ' ';
    }
    fputc('\n', file);
}

void settings_print(FILE *file, enum command command)
{
    for (size_t i = 0; i < option_count; i++) {
        const struct option_rule *rule = &option_rules[i];
        if (!(rule->commands & command))
            continue;
        char names[64];
        const char letter[] = {'-', rule->letter, ',', ' ', '\0'};
        snprintf(names, sizeof names, "%s--%s %s", rule->letter ? letter : "    ", rule->name,
                 rule->argument ? rule->argument : "");
        fprintf(file, "  %-26s ", names);
        print_wrapped(file, rule->help, 29);
    }
}
