/* Text of others', a host's or a client's, in what is one line for people. */
#ifndef BASE_LINE_H
#define BASE_LINE_H

/* Line ends and other control characters become spaces. */
void line_clean(char *line);

#endif
