/* The null codec's access unit: a header of NULL_HEADER bytes, little-endian 32-bit words at these offsets; with the
 * option pixels=1 the coded picture behind it: planes Y, U and V, each row right behind the one above. */
#ifndef CODEC_NULL_H
#define CODEC_NULL_H

#define NULL_MAGIC_VALUE 0x4c4c554e /* "NULL" */

enum null_word {
    NULL_MAGIC = 0,
    NULL_FLAGS = 4, /* enum null_flag */
    NULL_WIDTH = 8, /* coded */
    NULL_HEIGHT = 12,
    NULL_COUNTER = 16,  /* of the encoder's access units, from 0 */
    NULL_TAG = 20,      /* of the picture */
    NULL_CHECKSUM = 24, /* Adler-32, begun with 1, over the rows of Y, U and V */
    NULL_PAYLOAD = 28,  /* bytes behind the header */
    NULL_HEADER = 32
};

enum null_flag { NULL_KEY = 1 };

#endif
