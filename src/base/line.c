#include "base/line.h"

void line_clean(char *line)
{
    for (; *line != '\0'; line++) {
        if ((unsigned char)*line < ' ' || *line == '\x7f')
            *line = ' ';
    }
}
