#include "run.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "rig.h"

/* ---- Text */

static const struct {
    int32_t speed;
    uint32_t profile, threads, slices, kbps;
    const char *options;
} settings[] = {{0, 0, 1, 0, 4000, ""},
                {-1, 0, 1, 0, 4000, ""},
                {-1, 3, 1, 0, 4000, ""},
                {1, 2, 1, 0, 4000, ""},
                {2, 3, 2, 0, 4000, ""},
                {3, 3, 1, 0, 4000, ""},
                {4, 3, 1, 0, 4000, ""},
                {5, 1, 1, 0, 4000, ""},
                {6, 2, 1, 0, 4000, ""},
                {7, 3, 1, 0, 4000, ""},
                {8, 3, 4, 0, 4000, ""},
                {9, 0, 1, 0, 4000, ""},
                {9, 3, 1, 0, 4000, ""},
                {10, 3, 1, 0, 4000, ""},
                {10, 0, 2, 7, 500000, ""},
                {0, 0, 1, 7, 1, ""},
                {0, 0, 4, 4, 12345, ""},
                {4, 3, 1, 0, 4000, "no-psy:no-deblock:aq-mode=0"},
                {4, 3, 1, 0, 4000, "psy-rd=0.5,0.25:deblock=-3,2:aq-mode=3:aq-strength=0.75:nr=150"},
                {4, 3, 1, 0, 4000, "me=esa:merange=24:partitions=all:trellis=2:subme=10:no-fast-pskip:no-dct-decimate"},
                {4, 3, 1, 0, 4000, "no-cabac:no-8x8dct:weightp=0:no-chroma-me:partitions=none:subme=0:me=dia"},
                {8, 0, 1, 0, 4000, "qpmin=10:qpmax=40:qpstep=8:qcomp=0.85:ipratio=1.1:chroma-qp-offset=-3"},
                {8, 0, 1, 0, 4000, "deadzone-inter=6:deadzone-intra=7:nf:subme=6:trellis=1:me=umh"}};

START_TEST(the_description_is_what_x264_writes_into_its_sei)
{
    struct rig rig = rig_of(&codec_x264, 320, 240);
    rig.config.speed = settings[_i].speed;
    rig.config.profile = settings[_i].profile;
    rig.config.threads = settings[_i].threads;
    rig.config.slices = settings[_i].slices;
    rig.rate.bitrate_kbps = settings[_i].kbps;
    strcpy(rig.config.options, settings[_i].options);
    char text[1024];
    rig_open(&rig);
    rig_encode(&rig, false);
    ck_assert(sei_text(nal_find(rig.nal, rig.nals, NAL_TYPE_SEI), text, sizeof text));
    ck_assert_ptr_nonnull(strstr(text, "options: "));
    ck_assert_str_eq(rig_describe(&rig), strstr(text, "options: ") + strlen("options: "));
    rig_close(&rig);
}
END_TEST

START_TEST(a_description_is_cut_to_its_room)
{
    struct rig rig = rig_of(&codec_x264, 64, 64);
    char text[12] = "***********";
    rig_open(&rig);
    rig_encode(&rig, false);
    codec_x264.describe(rig.encoder, text, 0);
    ck_assert_str_eq(text, "***********");
    codec_x264.describe(rig.encoder, text, 8);
    ck_assert_str_eq(text, "cabac=0");
    ck_assert_int_eq(text[8], '*');
    rig_close(&rig);
}
END_TEST

static const char *const presets[] = {
    " me=tesa subme=11 ", " me=umh subme=10 ", " me=umh subme=9 ", " me=hex subme=8 ", " me=hex subme=7 ",
    " me=hex subme=5 ",   " me=hex subme=4 ",  " me=hex subme=2 ", " me=dia subme=1 ", " analyse=0x1:0 me=dia subme=1 ",
    " me=dia subme=0 "};

START_TEST(a_speed_is_a_preset)
{
    struct rig rig = rig_of(&codec_x264, 64, 64);
    rig.config.speed = _i == 0 ? CULVERT_SPEED_SLOWEST : _i;
    rig_open(&rig);
    rig_encode(&rig, false);
    ck_assert_msg(strstr(rig_describe(&rig), presets[_i]) != NULL, "%s", rig_describe(&rig));
    rig_close(&rig);
}
END_TEST

/* ---- Options */

static const struct {
    int32_t speed;
    uint32_t profile;
    const char *options, *shows;
} kept[] = {{0, 0, "me=hex:subme=2", " me=hex subme=2 "},
            {0, 0, "trellis=2", " trellis=2 "},
            {0, 0, "merange=4", " me_range=4 "},
            {0, 0, "me=umh:merange=64", " me_range=64 "},
            {0, 0, "partitions=all", " analyse=0x1:0x131 "},
            {0, 0, "partitions=p8x8", " analyse=0x1:0x10 "},
            {0, 0, "no-deblock", " deblock=0:0:0 "},
            {0, 0, "nf", " deblock=0:0:0 "},
            {0, 0, "deblock=1,-1", " deblock=1:1:-1 "},
            {0, 0, "deblock=-6", " deblock=1:-6:-6 "},
            {0, 0, "aq-mode=2:aq-strength=0.5", " aq=2:0.50"},
            {0, 0, "no_psy", " psy=0 "},
            {0, 0, "chroma-qp-offset=3", " chroma_qp_offset=3 "},
            {4, 3, "chroma-qp-offset=3", " chroma_qp_offset=1 "},
            {0, 3, "no-8x8dct", " 8x8dct=0 "},
            {0, 3, "cabac=0", "cabac=0 ref"},
            {10, 3, "8x8dct=1", " 8x8dct=1 "},
            {10, 3, "cabac", "cabac=1 ref"},
            {0, 2, "weightp=1", " weightp=1 "},
            {0, 0, "no-chroma-me:no-fast-pskip:no-dct-decimate", " chroma_me=0 "},
            {0, 0, "nr=65536", " nr=65536 "},
            {0, 0, "qpmin=20:qpmax=30:qpstep=2", " qpmin=20 qpmax=30 qpstep=2 "},
            {0, 0, "qpmax=69", " qpmax=69 "},
            {0, 0, "qcomp=1:ipratio=10", " ip_ratio=10.00 "},
            {0, 0, "deadzone-inter=0:deadzone-intra=32", " deadzone=0,32 "},
            {0, 0, "trellis=1:subme=7:psy-rd=0.4,0.2", " psy_rd=0.40:0.20 "},
            {0, 0, "me=hex:me=dia", " me=dia "}};

START_TEST(an_option_does_what_it_says)
{
    struct rig rig = rig_of(&codec_x264, 64, 64);
    rig.config.speed = kept[_i].speed;
    rig.config.profile = kept[_i].profile;
    strcpy(rig.config.options, kept[_i].options);
    rig_open(&rig);
    rig_encode(&rig, false);
    ck_assert_msg(strstr(rig_describe(&rig), kept[_i].shows) != NULL, "%s", rig_describe(&rig));
    rig_close(&rig);
}
END_TEST

START_TEST(a_fraction_is_read_alike_where_its_point_is_a_comma)
{
    static const char *const commas[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "pt_BR.UTF-8", "ru_RU.UTF-8"};
    size_t i = 0;
    while (i < sizeof commas / sizeof commas[0] && setlocale(LC_NUMERIC, commas[i]) == NULL)
        i++; /* without any of them this is the C locale's */
    struct rig rig = rig_of(&codec_x264, 64, 64);
    rig.config.speed = 4;
    strcpy(rig.config.options, "psy-rd=0.5,0.25:aq-strength=0.75");
    char text[1024];
    rig_open(&rig);
    rig_encode(&rig, false);
    ck_assert(sei_text(nal_find(rig.nal, rig.nals, NAL_TYPE_SEI), text, sizeof text));
    ck_assert_str_eq(rig_describe(&rig), strstr(text, "options: ") + strlen("options: "));
    setlocale(LC_NUMERIC, "C");
    for (char *c = text; *c != '\0'; c++)
        *c = (char)(*c == ',' ? '.' : *c);
    ck_assert_msg(strstr(text, " psy_rd=0.50:0.25 ") != NULL && strstr(text, " aq=1:0.75") != NULL, "%s", text);
    rig_close(&rig);
}
END_TEST

static const char *const foreign[] = {
    /* files */
    "stats=/tmp/x", "qpfile=x", "dump-yuv=x", "dump_yuv=x", "cqmfile=x", "cqm=jvt", "cqm4=1,1", "opencl-clbin=x",
    "log=3", "log-file=x", "input=x", "zones=0,1,q=3", "tcfile-in=x", "index=x",
    /* the session's own */
    "profile=high", "level=40", "level-idc=40", "width=64", "height=64", "fps=30", "bitrate=1", "vbv-maxrate=1",
    "vbv-bufsize=1", "vbv-init=1", "crf=20", "qp=20", "qp-constant=20", "pass=1", "ratetol=1", "threads=4", "slices=4",
    "slice-max-size=1000", "slice-max-mbs=10", "slice-min-mbs=1", "sliced-threads=0", "slices-max=2",
    "lookahead-threads=1", "sync-lookahead=1", "rc-lookahead=10", "mbtree=1", "keyint=30", "min-keyint=1",
    "scenecut=40", "intra-refresh=1", "bframes=1", "b-adapt=1", "b-pyramid=1", "open-gop=1", "direct=auto", "weightb=1",
    "ref=4", "dpb-size=4", "mixed-refs=1", "colorprim=bt709", "transfer=bt709", "colormatrix=bt709", "fullrange=1",
    "range=pc", "videoformat=ntsc", "overscan=show", "chromaloc=1", "sar=4:3", "annexb=0", "repeat-headers=0", "aud=1",
    "nal-hrd=cbr", "filler=1", "pic-struct=1", "opencl=1", "tff=1", "interlaced=1", "fake-interlaced=1",
    "frame-packing=3", "crop-rect=1,1,1,1", "constrained-intra=1", "bluray-compat=1", "avcintra-class=50",
    "stitchable=1", "force-cfr=0", "sps-id=3", "asm=0", "no-asm", "non-deterministic=1", "cpu-independent=1", "psnr=1",
    "ssim=1", "preset=slow", "tune=film", "mvrange=64", "output-csp=i444", "input-depth=10", "mastering-display=x",
    "cll=1,1", "bogus=1"};

START_TEST(an_option_that_touches_files_or_belongs_to_culvert_is_refused)
{
    struct rig rig = rig_of(&codec_x264, 64, 64);
    snprintf(rig.config.options, sizeof rig.config.options, "me=hex:%s", foreign[_i]);
    ck_assert_int_eq(rig_create(&rig), CULVERT_E_OPTION);
    ck_assert_ptr_null(rig.stream);
    ck_assert_msg(strstr(rig.why, "is not among those that h264 takes") != NULL, "%s", rig.why);
}
END_TEST

static const struct {
    uint32_t profile;
    const char *options;
} refused[] = {{0, "subme=12"},
               {0, "subme=-1"},
               {0, "subme=x"},
               {0, "subme"},
               {0, "me=bogus"},
               {0, "merange=3"},
               {0, "merange=65"},
               {0, "partitions=p9"},
               {0, "deblock=7"},
               {0, "deblock=1,1,1"},
               {0, "nr=65537"},
               {0, "aq-mode=4"},
               {0, "aq-strength=3.1"},
               {0, "trellis=3"},
               {0, "qpmin=52"},
               {0, "qpmax=70"},
               {0, "qpstep=1"},
               {0, "qcomp=1.01"},
               {0, "ipratio=0"},
               {0, "psy-rd=11"},
               {0, "deadzone-inter=33"},
               {0, "chroma-qp-offset=13"},
               {0, "weightp=3"},
               /* what x264 takes and then changes */
               {0, "8x8dct=1"},
               {0, "cabac=1"},
               {0, "weightp=1"},
               {2, "8x8dct=1"},
               {0, "subme=10"},
               {0, "qpmin=40:qpmax=30"},
               {0, "qpmax=12"},
               {0, "merange=24"}};

START_TEST(an_option_that_x264_refuses_or_would_change_is_refused)
{
    struct rig rig = rig_of(&codec_x264, 64, 64);
    rig.config.profile = refused[_i].profile;
    strcpy(rig.config.options, refused[_i].options);
    ck_assert_msg(rig_create(&rig) == CULVERT_E_OPTION, "%s", refused[_i].options);
    ck_assert_ptr_null(rig.stream);
    ck_assert_msg(strncmp(rig.why, "option ", 7) == 0, "%s", rig.why);
}
END_TEST

Suite *test_suite(void)
{
    Suite *const suite = suite_create("x264_options");
    TCase *tcase = add_case(suite, "settings");
    LOOP(tcase, the_description_is_what_x264_writes_into_its_sei, settings);
    tcase_add_test(tcase, a_description_is_cut_to_its_room);
    LOOP(tcase, a_speed_is_a_preset, presets);
    LOOP(tcase, an_option_does_what_it_says, kept);
    tcase_add_test(tcase, a_fraction_is_read_alike_where_its_point_is_a_comma);
    LOOP(tcase, an_option_that_touches_files_or_belongs_to_culvert_is_refused, foreign);
    LOOP(tcase, an_option_that_x264_refuses_or_would_change_is_refused, refused);
    return suite;
}
