package culvert_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"culvert"
)

func TestOfManyThatCloseOneWins(t *testing.T) {
	for round := 0; round < 50; round++ {
		s := open(t, config(culvert.CodecNull))
		results := make(chan error, 16)
		for i := 0; i < cap(results); i++ {
			go func() { results <- s.Close() }()
		}
		won := 0
		for i := 0; i < cap(results); i++ {
			if err := <-results; err == nil {
				won++
			} else {
				expect(t, err, culvert.ErrClosed)
			}
		}
		if won != 1 {
			t.Fatalf("%d won", won)
		}
	}
}

func TestCloseWakesWhoeverWaits(t *testing.T) {
	for _, ctx := range []context.Context{context.Background(), soon(t)} {
		s := open(t, config(culvert.CodecNull))
		woken := make(chan error)
		go func() {
			_, err := s.Receive(ctx)
			woken <- err
		}()
		time.Sleep(20 * time.Millisecond)
		must(t, s.Close())
		expect(t, <-woken, culvert.ErrClosed)
	}
}

func TestCloseInTheMidstOfEverythingIsHarmless(t *testing.T) {
	for round := 0; round < 20; round++ {
		s := open(t, config(culvert.CodecH264))
		var all sync.WaitGroup
		run := func(call func(i int) error) {
			all.Add(1)
			go func() {
				defer all.Done()
				for i := 0; ; i++ {
					if err := call(i); errors.Is(err, culvert.ErrClosed) {
						return
					} else if err != nil && !errors.Is(err, culvert.ErrAgain) {
						t.Error(err)
						return
					}
				}
			}()
		}
		run(func(i int) error { return s.Submit(frame(i, 64+uint32(i%3)*32, 64)) })
		run(func(int) error { _, err := s.Receive(context.Background()); return err })
		run(func(int) error { _, err := s.Stats(); return err })
		run(func(int) error { _, err := s.RequestKeyframe(); return err })
		time.Sleep(time.Duration(round) * time.Millisecond)
		must(t, s.Close())
		all.Wait()
	}
}

// threads of this process, and its descriptors.
func threads(t *testing.T) int {
	status, err := os.ReadFile("/proc/self/status")
	must(t, err)
	_, rest, _ := strings.Cut(string(status), "Threads:")
	n, err := strconv.Atoi(strings.Fields(rest)[0])
	must(t, err)
	return n
}

func descriptors(t *testing.T) int {
	all, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	return len(all)
}

func TestWaitingForPacketsHoldsNoThread(t *testing.T) {
	const many = 64
	var sessions []*culvert.Session
	for i := 0; i < many; i++ {
		sessions = append(sessions, open(t, config(culvert.CodecNull)))
	}
	before := threads(t)
	ended := make(chan error)
	for _, s := range sessions {
		go func(s *culvert.Session) {
			_, err := s.Receive(context.Background())
			ended <- err
		}(s)
	}
	time.Sleep(200 * time.Millisecond)
	if grown := threads(t) - before; grown > many/4 {
		t.Errorf("%d threads more", grown)
	}
	for _, s := range sessions {
		must(t, s.Submit(frame(0, 64, 64)))
	}
	for range sessions {
		must(t, <-ended)
	}
}

func TestASessionThatIsDroppedIsClosed(t *testing.T) {
	const many = 20
	before := descriptors(t)
	var sessions []*culvert.Session
	for i := 0; i < many; i++ {
		s, err := culvert.Open(config(culvert.CodecNull))
		must(t, err)
		sessions = append(sessions, s)
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		_, err = s.Receive(ctx)
		expect(t, err, context.DeadlineExceeded)
		cancel()
		_, err = s.Lease(culvert.FormatBGRA, 64, 64)
		must(t, err)
	}
	if n := descriptors(t); n < before+many {
		t.Fatalf("%d descriptors, and %d before", n, before)
	}
	sessions = nil
	for i := 0; descriptors(t) > before; i++ {
		if i == 600 {
			t.Fatalf("%d descriptors more than before", descriptors(t)-before)
		}
		runtime.GC()
		time.Sleep(50 * time.Millisecond)
	}
}

func TestALeaseIsAFrameThatIsWrittenInPlace(t *testing.T) {
	s := open(t, pixelsConfig())
	l, err := s.Lease(culvert.FormatI420, 64, 48)
	must(t, err)
	picture := bytes.Repeat([]byte{50, 100, 150}, 64*48/2)
	if copy(l.Bytes(), picture) != len(picture) || len(l.Bytes()) != len(picture) {
		t.Fatalf("%d bytes", len(l.Bytes()))
	}
	expect(t, l.Commit(&culvert.Frame{PTS: -7}), culvert.ErrPTS)
	must(t, l.Commit(&culvert.Frame{PTS: 7}))
	if l.Bytes() != nil {
		t.Error("the memory is still there")
	}
	expect(t, l.Commit(&culvert.Frame{PTS: 8}), culvert.ErrHandle)
	expect(t, l.Abandon(), culvert.ErrHandle)
	must(t, s.Finish())
	if p := rest(t, s)[0]; p.PTS != 7 || !bytes.Equal(p.Data[32:], picture) {
		t.Error("the picture differs")
	}
}

func TestLeasesAreFourAndOutliveTheirSession(t *testing.T) {
	s := open(t, config(culvert.CodecNull))
	var leases []*culvert.Lease
	for i := 0; i < 4; i++ {
		l, err := s.Lease(culvert.FormatRGB565, 320, 240)
		must(t, err)
		leases = append(leases, l)
	}
	_, err := s.SetBitrate(0)
	expect(t, err, culvert.ErrRange)
	_, err = s.Lease(culvert.FormatRGB565, 320, 240)
	expect(t, err, culvert.ErrLimit)
	if strings.Contains(err.Error(), s.ErrorText()) {
		t.Errorf("%q is of another error", err)
	}
	_, err = s.Lease(99, 320, 240)
	expect(t, err, culvert.ErrArgument)
	must(t, leases[0].Abandon())
	another := &culvert.Frame{Format: culvert.FormatBGRA, Width: 320, Height: 240}
	expect(t, leases[1].Commit(another), culvert.ErrArgument)
	must(t, s.Close())
	for i := range leases[1].Bytes() {
		leases[1].Bytes()[i] = 1
	}
	expect(t, leases[1].Commit(&culvert.Frame{}), culvert.ErrClosed)
	expect(t, leases[2].Abandon(), culvert.ErrClosed)
	if leases[1].Bytes() != nil || leases[2].Bytes() != nil {
		t.Error("the memory is still there")
	}
}

func TestAPeekedPacketOutlivesItsSessionUpToItsRelease(t *testing.T) {
	s := open(t, config(culvert.CodecH264))
	must(t, s.Submit(frame(0, 64, 64)))
	must(t, s.Submit(frame(1, 64, 64)))
	first, err := s.Peek(soon(t))
	must(t, err)
	second, err := s.Peek(soon(t))
	must(t, err)
	must(t, second.Release())
	must(t, s.Close())
	if first.Frame != 1 || !bytes.HasPrefix(first.Data, []byte{0, 0, 0, 1}) {
		t.Errorf("%+v", first.Packet)
	}
	expect(t, first.Release(), culvert.ErrClosed)
	expect(t, second.Release(), culvert.ErrHandle)
	if first.Data != nil || second.Data != nil {
		t.Error("the memory is still there")
	}
}

func TestTheDescriptorIsReadableWhilePacketsWait(t *testing.T) {
	s := open(t, config(culvert.CodecNull))
	file, err := s.File()
	must(t, err)
	defer file.Close()
	raw, err := file.SyscallConn()
	must(t, err)
	file.SetReadDeadline(time.Now().Add(time.Minute))
	got := make(chan error)
	go func() {
		var p culvert.Packet
		got <- raw.Read(func(uintptr) bool { return s.TryReceive(&p) == nil })
	}()
	must(t, s.Submit(frame(0, 64, 64)))
	must(t, <-got)
}
