package main

import (
	"context"
	"fmt"
	"log"
	"math/rand"
	"runtime"
	"sync"
	"time"

	"culvert"
)

// weather is what goes on around the streams: collections, garbage, sessions that come and go.
type weather struct {
	storm *storm
	quit  chan struct{}
	all   sync.WaitGroup
	calm  footprint // before the first stream

	before, after footprint // the most of the second and of the last quarter
}

func newWeather(s *storm) *weather {
	w := &weather{storm: s, quit: make(chan struct{})}
	w.first()
	w.calm = measure()
	random := rand.New(rand.NewSource(0))
	pause := 2 * time.Millisecond
	if s.endpoint != "" {
		pause = 100 * time.Millisecond // each is a process there
	}
	w.always(time.Millisecond, runtime.GC)
	w.always(100*time.Microsecond, func() { litter(random) })
	w.always(pause, w.passenger)
	w.always(20*time.Millisecond, w.watch)
	w.always(3*time.Second, w.tell)
	return w
}

// What Go's poller and the library make once, they make here.
func (w *weather) first() {
	s, err := culvert.Open(w.passage())
	if err != nil {
		log.Fatal(err)
	}
	if bell, err := s.File(); err == nil {
		bell.SetReadDeadline(time.Now())
		defer bell.Close()
	}
	s.Close()
}

func (w *weather) passage() culvert.Config {
	return culvert.Config{Codec: culvert.CodecNull, FPSNum: 60, FPSDen: 1, Endpoint: w.storm.endpoint}
}

// always does something again and again, with a pause in between that leaves the processors to the streams.
func (w *weather) always(pause time.Duration, do func()) {
	w.all.Add(1)
	go func() {
		defer w.all.Done()
		for {
			select {
			case <-w.quit:
				return
			case <-time.After(pause):
				do()
			}
		}
	}()
}

var litterbin [64][]byte

// Blocks of the sizes that frames have, so that theirs are used again at once.
func litter(random *rand.Rand) {
	block := make([]byte, 1+random.Intn(400000))
	for i := range block {
		block[i] = 0x5a
	}
	litterbin[random.Intn(len(litterbin))] = block
}

// A session that is waited in, and closed by two at once.
func (w *weather) passenger() {
	s, err := culvert.Open(w.passage())
	if err != nil {
		w.storm.complain("open: %v", err)
		return
	}
	w.storm.sessions.Add(1)
	gone := make(chan bool, 3)
	go func() {
		_, err := s.Receive(context.Background())
		gone <- err != nil
	}()
	for i := 0; i < 2; i++ {
		go func() { gone <- s.Close() == nil }()
	}
	closed := 0
	for i := 0; i < cap(gone); i++ {
		if <-gone {
			closed++
		}
	}
	if closed != 2 {
		w.storm.complain("a session was closed %d times", closed-1)
	}
}

func (w *weather) watch() {
	switch quarter := 4 * w.storm.made.Load() / w.storm.changes; quarter {
	case 1:
		w.before = w.before.most(measure())
	case 3:
		w.after = w.after.most(measure())
	}
}

func (w *weather) tell() {
	fmt.Printf("# %d of %d changes, %v\n", w.storm.made.Load(), w.storm.changes, measure())
}

// end is called when the streams are over: what they held must be given back.
func (w *weather) end() (before, after footprint) {
	close(w.quit)
	w.all.Wait()
	w.settle()
	if w.after.rss > w.before.rss+w.before.rss/4+32<<20 {
		w.storm.complain("memory grew: %v in the second quarter, %v in the last", w.before, w.after)
	}
	return w.before, w.after
}

// Sessions that were dropped are closed when they are found, on threads of their own.
func (w *weather) settle() {
	left := measure()
	for i := 0; i < 300 && w.storm.wrong.Load() == 0 && (left.descriptors > w.calm.descriptors || w.listed() > 0); i++ {
		runtime.GC()
		time.Sleep(100 * time.Millisecond)
		left = measure()
	}
	if left.descriptors > w.calm.descriptors {
		w.storm.complain("descriptors are left: %v, and before the storm %v", left, w.calm)
	}
	if n := w.listed(); n > 0 {
		w.storm.complain("culvertd has %d sessions left", n)
	}
	fmt.Printf("# before the storm: %v; when it was over: %v\n", w.calm, left)
}

func (w *weather) listed() int {
	if w.storm.endpoint == "" {
		return 0
	}
	all, err := culvert.List(w.storm.endpoint)
	if err != nil {
		w.storm.complain("list: %v", err)
	}
	return len(all)
}
