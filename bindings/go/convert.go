package culvert

// #include <culvert/culvert.h>
import "C"

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// Never is for Config.Refresh: a picture that does not change is not encoded again.
const Never time.Duration = -1

// Of every line that the library says.
const lineBytes = 512

// A text that fills its field is left without its end: the library says then which field is too long.
func setText(to []C.char, from string) {
	for i := 0; i < len(from) && i < len(to); i++ {
		to[i] = C.char(from[i])
	}
}

// C would take a text to end at its first NUL.
func terminable(call string, texts ...string) error {
	for _, text := range texts {
		if strings.IndexByte(text, 0) >= 0 {
			return refusal(call, C.CULVERT_E_ARGUMENT, strconv.Quote(text)+" holds a NUL")
		}
	}
	return nil
}

func text(from []C.char) string {
	var out strings.Builder
	for _, c := range from {
		if c == 0 {
			break
		}
		out.WriteByte(byte(c))
	}
	return out.String()
}

// What is too long for the library, or negative, becomes Never, which it refuses where it makes no sense. Parts of a
// millisecond count as one, so that they do not become 0, which is the default.
func milliseconds(d time.Duration) C.uint32_t {
	if d < 0 || d > math.MaxUint32*time.Millisecond {
		return math.MaxUint32
	}
	return C.uint32_t((d + time.Millisecond - 1) / time.Millisecond)
}

func number(name string, value int64) string {
	return name + "(" + strconv.FormatInt(value, 10) + ")"
}

func flagNames(flags uint32, names ...string) string {
	var set []string
	for i, name := range names {
		if flags&(1<<i) != 0 {
			set = append(set, name)
		}
	}
	if rest := flags >> len(names) << len(names); rest != 0 || len(set) == 0 {
		set = append(set, strconv.FormatUint(uint64(rest), 10))
	}
	return strings.Join(set, "|")
}
