package culvert_test

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"syscall"
	"testing"
	"time"

	"culvert"
)

func TestWhatIsWrongWithAConfigIsSaidInTheLibrarysOwnLine(t *testing.T) {
	if !culvert.HasCodec(culvert.CodecH264) || !culvert.HasCodec(culvert.CodecVP8) {
		t.Skip("the library lacks a codec")
	}
	for _, c := range []struct {
		name   string
		change func(*culvert.Config)
		want   error
		says   string
	}{
		{"no frame rate", func(c *culvert.Config) { c.FPSNum = 0 }, culvert.ErrRange, "frame rate"},
		{"codec", func(c *culvert.Config) { c.Codec = 77 }, culvert.ErrUnsupported, "codec 77"},
		{"resize", func(c *culvert.Config) { c.Resize = 9 }, culvert.ErrArgument, "resize"},
		{"bitrate", func(c *culvert.Config) { c.BitrateKbps = 500001 }, culvert.ErrRange, "bitrate"},
		{"negative burst", func(c *culvert.Config) { c.Burst = -1 }, culvert.ErrRange, "burst"},
		{"option", func(c *culvert.Config) { c.Options = "weather=fine" }, culvert.ErrOption, "weather"},
		{"NUL", func(c *culvert.Config) { c.Options = "me=hex\x00:subme=2" }, culvert.ErrArgument, "NUL"},
		{"name too long", func(c *culvert.Config) { c.Name = strings.Repeat("n", 32) }, culvert.ErrArgument, "name"},
		{"level", func(c *culvert.Config) { c.Level, c.BitrateKbps = 10, 400000 }, culvert.ErrLevel, "level"},
		{"slices", func(c *culvert.Config) { c.Codec, c.Slices = culvert.CodecVP9, 2 }, culvert.ErrUnsupported, "slice"},
		{"endpoint", func(c *culvert.Config) { c.Endpoint = "unix:/nowhere" }, culvert.ErrGone, "/nowhere"},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := config(culvert.CodecDefault)
			c.change(&config)
			s, err := culvert.Open(config)
			if s != nil {
				t.Error("there is a session")
			}
			expect(t, err, c.want)
			var call *culvert.CallError
			if !errors.As(err, &call) || call.Call != "open" || !strings.Contains(call.Line, c.says) {
				t.Errorf("%v does not speak of %q", err, c.says)
			}
		})
	}
}

func TestAFrameThatIsRefusedSaysWhy(t *testing.T) {
	s := open(t, config(culvert.CodecNull))
	must(t, s.Submit(frame(10, 64, 64)))
	for _, c := range []struct {
		name   string
		change func(*culvert.Frame)
		want   error
	}{
		{"format", func(f *culvert.Frame) { f.Format = 99 }, culvert.ErrArgument},
		{"too few pixels", func(f *culvert.Frame) { f.Pixels = f.Pixels[:len(f.Pixels)-1] }, culvert.ErrArgument},
		{"no pixels", func(f *culvert.Frame) { f.Pixels = nil }, culvert.ErrArgument},
		{"stride", func(f *culvert.Frame) { f.Stride[0] = 64 }, culvert.ErrArgument},
		{"rotation", func(f *culvert.Frame) { f.Rotation = 45 }, culvert.ErrArgument},
		{"1x64", func(f *culvert.Frame) { f.Width = 1 }, culvert.ErrSize},
		{"larger than the largest", func(f *culvert.Frame) { *f = *frame(11, 642, 482) }, culvert.ErrSize},
		{"pts", func(f *culvert.Frame) { f.PTS = 0 }, culvert.ErrPTS},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := frame(11, 64, 64)
			c.change(f)
			err := s.Submit(f)
			expect(t, err, c.want)
			if s.ErrorText() == "" || !strings.HasSuffix(err.Error(), s.ErrorText()) {
				t.Errorf("%q does not end with %q", err, s.ErrorText())
			}
		})
	}
	stats, err := s.Stats()
	must(t, err)
	if stats.Submitted != 1 {
		t.Errorf("%d frames were counted", stats.Submitted)
	}
}

func TestEveryOtherErrorIsTheCallsOwn(t *testing.T) {
	s := open(t, config(culvert.CodecNull))
	var p culvert.Packet
	expect(t, s.TryReceive(&p), culvert.ErrAgain)
	_, err := s.Params()
	expect(t, err, culvert.ErrAgain)
	_, err = s.SetBitrate(0)
	expect(t, err, culvert.ErrRange)
	_, err = s.SetFramerate(60, 0)
	expect(t, err, culvert.ErrRange)
	_, err = s.SetSpeed(11)
	expect(t, err, culvert.ErrRange)
	result, err := s.Encode(frame(0, 64, 64), &p, 2*time.Minute)
	expect(t, err, culvert.ErrRange)
	if result != 0 {
		t.Error(result)
	}
	expect(t, culvert.SetLogLevel(17), culvert.ErrRange)
	_, err = culvert.CodecVersion(77)
	expect(t, err, culvert.ErrUnsupported)
	_, err = culvert.List("unix:/nowhere/at/all")
	expect(t, err, culvert.ErrGone)
	_, err = culvert.Watch("unix:/nowhere/at/all", "nobody")
	expect(t, err, culvert.ErrGone)
	_, err = culvert.List("unix:/\x00")
	expect(t, err, culvert.ErrArgument)
	_, err = culvert.Watch("unix:/", "\x00")
	expect(t, err, culvert.ErrArgument)
	must(t, s.Finish())
	expect(t, s.Submit(frame(0, 64, 64)), culvert.ErrFinished)
	_, err = s.Pause()
	expect(t, err, culvert.ErrFinished)
}

func TestAFullQueueIsErrAgainWithPolicyReject(t *testing.T) {
	reject := config(culvert.CodecH264)
	reject.Policy, reject.Slots, reject.Speed = culvert.PolicyReject, 2, culvert.SpeedSlowest
	s := open(t, reject)
	var err error
	for i := 0; i < 1000 && err == nil; i++ {
		err = s.Submit(frame(i, 640, 480))
	}
	expect(t, err, culvert.ErrAgain)
}

func TestAFrameThatTakesTooLongComesFromReceive(t *testing.T) {
	slow := config(culvert.CodecH264)
	slow.Speed = culvert.SpeedSlowest
	s := open(t, slow)
	var p culvert.Packet
	var err error
	number := 0
	for ; number < 100 && err == nil; number++ {
		_, err = s.Encode(frame(number, 640, 480), &p, time.Millisecond)
	}
	expect(t, err, culvert.ErrTimeout)
	must(t, s.ReceiveInto(soon(t), &p))
	if p.Frame != uint64(number) {
		t.Errorf("frame %d comes, and not %d", p.Frame, number)
	}
}

func TestALackOfDescriptorsIsErrSystem(t *testing.T) {
	s := open(t, config(culvert.CodecNull))
	var limit syscall.Rlimit
	must(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	none := limit
	none.Cur = 0
	must(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none))
	_, err := s.File()
	must(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit))
	expect(t, err, culvert.ErrSystem)
}

func TestASecondReceiverIsToldErrBusy(t *testing.T) {
	s := open(t, config(culvert.CodecNull))
	ctx, cancel := context.WithCancel(context.Background())
	first := make(chan error)
	go func() {
		err := error(culvert.ErrBusy)
		for errors.Is(err, culvert.ErrBusy) { // the loop below may be inside just now
			_, err = s.Receive(ctx)
		}
		first <- err
	}()
	var p culvert.Packet
	for err := error(culvert.ErrAgain); !errors.Is(err, culvert.ErrBusy); err = s.TryReceive(&p) {
		expect(t, err, culvert.ErrAgain)
		time.Sleep(time.Millisecond)
	}
	_, err := s.Encode(frame(0, 64, 64), &p, time.Second)
	expect(t, err, culvert.ErrBusy)
	cancel()
	expect(t, <-first, context.Canceled)
}

func TestAClosedSessionIsClosedInGosOwnWordsToo(t *testing.T) {
	s := open(t, config(culvert.CodecNull))
	must(t, s.Close())
	for _, err := range []error{s.Close(), s.Finish(), s.Submit(frame(0, 64, 64))} {
		expect(t, err, culvert.ErrClosed)
		expect(t, err, fs.ErrClosed)
	}
	if errors.Is(culvert.ErrAgain, fs.ErrClosed) {
		t.Error("ErrAgain is not of what is closed")
	}
}
