#include "codec/options.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "culvert/culvert.h"

#define ITEM 512 /* bytes of one "name=value", as many as a whole config holds */

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

/* strtod would follow the host's locale, where the decimal point may be a comma. */
static bool read_number(const char *text, size_t length, bool point, double *value)
{
    const char *const end = text + length;
    const bool negative = length > 0 && *text == '-';
    text += negative;
    if (text == end || !digit(*text))
        return false;
    *value = 0;
    while (text < end && digit(*text))
        *value = *value * 10 + (*text++ - '0');
    if (point && text < end && *text == '.') {
        double weight = 1;
        for (text++; text < end && digit(*text); text++)
            *value += (*text - '0') * (weight /= 10);
    }
    if (negative)
        *value = -*value;
    return text == end;
}

static bool is_word(const char *words, const char *text, size_t length)
{
    while (*words != '\0') {
        const size_t word = strcspn(words, " ");
        if (word == length && memcmp(words, text, length) == 0)
            return true;
        words += word + strspn(words + word, " ");
    }
    return false;
}

static bool value_fits(const struct option *option, const char *text, size_t length)
{
    double number;
    switch (option->kind) {
    case OPTION_FLAG:
        return is_word("yes no true false 1 0", text, length);
    case OPTION_WORD:
        return is_word(option->words, text, length);
    case OPTION_INTEGER:
    case OPTION_NUMBER:
        return read_number(text, length, option->kind == OPTION_NUMBER, &number) && number >= option->min &&
               number <= option->max;
    }
    return false;
}

static bool values_fit(const struct option *option, const char *text)
{
    for (unsigned i = 0; i < option->values; i++) {
        const size_t length = strcspn(text, ",");
        if (!value_fits(option, text, length))
            return false;
        text += length;
        if (*text++ == '\0')
            return true;
    }
    return false;
}

static int refuse_value(const struct option *option, const char *value, char *why, size_t size)
{
    const char *const several = option->values > 1 ? ", or several with ',' between them" : "";
    if (option->kind == OPTION_FLAG)
        snprintf(why, size, "option %s: '%.40s' is no value of it: set 1 or 0", option->name, value);
    else if (option->kind == OPTION_WORD)
        snprintf(why, size, "option %s: '%.40s' is no value of it: set one of %s%s", option->name, value, option->words,
                 several);
    else
        snprintf(why, size, "option %s: '%.40s' is no value of it: set a%s from %g to %g%s", option->name, value,
                 option->kind == OPTION_INTEGER ? "n integer" : " number", option->min, option->max, several);
    return CULVERT_E_OPTION;
}

static const struct option *find(const struct option *table, const char *name)
{
    while (table->name != NULL && strcmp(table->name, name) != 0)
        table++;
    return table->name != NULL ? table : NULL;
}

static int refuse_name(const char *codec, const char *name, char *why, size_t size)
{
    snprintf(why, size, "option '%.40s' is not among those that %s takes: see docs/options.md, or remove it", name,
             codec);
    return CULVERT_E_OPTION;
}

/* value is NULL for a bare name. */
static int walk_item(char *name, const char *value, const char *codec, const struct option *table, options_apply *apply,
                     void *target, char *why, size_t size)
{
    for (char *c = name; *c != '\0'; c++)
        *c = (char)(*c == '_' ? '-' : *c);
    const struct option *option = find(table, name);
    if (option == NULL) {
        option = strncmp(name, "no-", 3) == 0 && value == NULL ? find(table, name + 3) : NULL;
        if (option == NULL || (option->use & OPTION_NEGATED) == 0)
            return refuse_name(codec, name, why, size);
        return apply(target, option->name, "no", why, size);
    }
    if (value == NULL && (option->use & OPTION_BARE) != 0)
        return apply(target, name, "yes", why, size);
    if (value == NULL || !values_fit(option, value))
        return refuse_value(option, value != NULL ? value : "", why, size);
    return apply(target, name, value, why, size);
}

int options_walk(const char *text, const char *codec, const struct option *table, options_apply *apply, void *target,
                 char *why, size_t why_size)
{
    char item[ITEM];
    while (*text != '\0') {
        const size_t length = strcspn(text, ":");
        const bool last = text[length] == '\0';
        if (length >= sizeof item)
            return refuse_name(codec, text, why, why_size);
        memcpy(item, text, length);
        item[length] = '\0';
        char *const equals = strchr(item, '=');
        if (equals != NULL)
            *equals = '\0';
        const int result = walk_item(item, equals != NULL ? equals + 1 : NULL, codec, table, apply, target, why,
                                     why_size);
        if (result < 0)
            return result;
        text += length + !last;
    }
    return 0;
}
