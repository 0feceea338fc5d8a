// Storm is streams of H.264, VP8 and the null codec from a game that changes its size every few frames, while
// sessions are opened, closed and dropped without pause, and Go's collector does its worst.
//
// Frames lie in Go's memory, which is overwritten and dropped the moment Submit returns. Every stream must decode
// without an error and with as many pictures as packets were received; what the null codec was given must come out
// again, byte by byte; and memory and descriptors must stay as they were.
//
//	MALLOC_ARENA_MAX=2 GOGC=1 GODEBUG=cgocheck=1,clobberfree=1 storm -changes 100000
//
// The exit status is 1 when anything was wrong.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"culvert"
)

// storm is what all streams share.
type storm struct {
	endpoint string
	changes  int64 // of size, to be made
	made     atomic.Int64
	frames   atomic.Int64
	sessions atomic.Int64
	wrong    atomic.Int64
}

// complain says what was wrong, the first few times.
func (s *storm) complain(format string, values ...any) {
	if s.wrong.Add(1) <= 10 {
		log.Printf("wrong: "+format, values...)
	}
}

func main() {
	log.SetFlags(0)
	var s storm
	flag.Int64Var(&s.changes, "changes", 1000, "changes of size, of all streams together")
	flag.StringVar(&s.endpoint, "endpoint", "", "of a culvertd, unix:PATH; else the encoders are in this process")
	seed := flag.Int64("seed", 1, "of everything that is left to chance")
	flag.Parse()

	fmt.Printf("# %s, GOGC=%s, GODEBUG=%s\n", runtime.Version(), os.Getenv("GOGC"), os.Getenv("GODEBUG"))
	for _, lack := range lacking() {
		fmt.Println("#", lack)
	}
	began := time.Now()
	weather := newWeather(&s)
	s.run(*seed)
	before, after := weather.end()
	fmt.Printf("# figure: %d size changes, %d frames, %d sessions in %.1f s, seed %d\n",
		s.made.Load(), s.frames.Load(), s.sessions.Load(), time.Since(began).Seconds(), *seed)
	fmt.Printf("# figure: before: %v; after: %v\n", before, after)
	if n := s.wrong.Load(); n > 0 {
		log.Fatalf("wrong: %d in all", n)
	}
}

// What this Go has not, of what would find more.
func lacking() (all []string) {
	var major, minor int
	fmt.Sscanf(strings.TrimPrefix(runtime.Version(), "go"), "%d.%d", &major, &minor)
	if major == 1 && minor < 22 {
		all = append(all, "this Go is older than 1.22: its collector may hide what later ones show")
	}
	if major == 1 && minor < 21 && !strings.Contains(os.Getenv("GODEBUG"), "cgocheck=2") {
		all = append(all, "without GODEBUG=cgocheck=2, writes of Go pointers to memory of C go unseen")
	}
	return all
}

// run runs a few streams of each codec side by side, up to the last change.
func (s *storm) run(seed int64) {
	var all sync.WaitGroup
	for i, codec := range []culvert.Codec{culvert.CodecH264, culvert.CodecVP8, culvert.CodecNull, culvert.CodecH264} {
		if !culvert.HasCodec(codec) {
			fmt.Printf("# the library has no %v\n", codec)
			continue
		}
		all.Add(1)
		stream := newStream(s, codec, seed<<8+int64(i))
		go func() {
			defer all.Done()
			stream.run()
		}()
	}
	all.Wait()
}
