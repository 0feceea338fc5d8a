package main

import (
	"context"
	"errors"
	"io"
	"math/rand"
	"time"

	"culvert"
)

// stream is one session behind another, whose packets are one stream to a decoder.
type stream struct {
	storm  *storm
	codec  culvert.Codec
	random *rand.Rand
	judge  judge
}

// newStream is a stream with a judge of its codec's.
func newStream(storm *storm, codec culvert.Codec, seed int64) *stream {
	s := &stream{storm: storm, codec: codec, random: rand.New(rand.NewSource(seed))}
	if codec == culvert.CodecNull {
		s.judge = &pictures{storm: storm}
	} else {
		s.judge = newDecoder(storm, codec)
	}
	return s
}

// run opens session after session, until the storm is over.
func (s *stream) run() {
	for s.storm.made.Load() < s.storm.changes {
		s.session()
	}
	s.judge.streamEnds()
}

func (s *stream) config() culvert.Config {
	config := culvert.Config{Codec: s.codec, FPSNum: 60, FPSDen: 1, Speed: 10, MaxWidth: 640, MaxHeight: 480,
		Policy: culvert.PolicyBlock, Endpoint: s.storm.endpoint, Name: s.codec.String(), Refresh: culvert.Never}
	if s.codec == culvert.CodecNull {
		config.Options, config.BitrateKbps = "pixels=1", 500000
	}
	if s.random.Intn(2) == 0 {
		config.Resize = culvert.ResizeAtOnce
	}
	return config
}

// A session of some frames, which ends in one of three ways: finished, closed in the midst, or dropped.
func (s *stream) session() {
	session, err := culvert.Open(s.config())
	if err != nil {
		s.storm.complain("open: %v", err)
		s.storm.made.Add(1) // so that it ends
		return
	}
	s.storm.sessions.Add(1)
	received := make(chan error)
	go func() { received <- s.receive(session) }()
	frames := 50 + s.random.Intn(400)
	s.play(session, frames)
	switch s.random.Intn(3) {
	case 0:
		session.Close()
	default:
		session.Finish()
	}
	if err := <-received; err != io.EOF && !errors.Is(err, culvert.ErrClosed) {
		s.storm.complain("%v: receive: %v", s.codec, err)
	} else if err == io.EOF {
		s.account(session)
	}
	if s.random.Intn(2) == 0 {
		session.Close()
	} // else the collector finds it
	s.judge.sessionEnds()
}

func (s *stream) play(session *culvert.Session, frames int) {
	formats := []culvert.Format{culvert.FormatXRGB8888, culvert.FormatRGB565, culvert.Format0RGB1555}
	game := game{random: s.random, format: formats[s.random.Intn(len(formats))]}
	if s.codec == culvert.CodecNull {
		game.format = culvert.FormatI420
	}
	for ; frames > 0 && s.storm.made.Load() < s.storm.changes; frames-- {
		f, changed := game.next()
		if changed {
			s.storm.made.Add(1)
		}
		s.judge.submitted(&f)
		if err := s.submit(session, &f); err != nil {
			s.storm.complain("%v: submit: %v", s.codec, err)
		}
		s.storm.frames.Add(1)
	}
}

// The frame's memory is overwritten, and then nobody's.
func (s *stream) submit(session *culvert.Session, f *culvert.Frame) error {
	for {
		err := submit(session, f)
		if errors.Is(err, culvert.ErrAgain) {
			time.Sleep(time.Millisecond) // the packets that must be received first are being received
			continue
		}
		for i := range f.Pixels {
			f.Pixels[i] = 0xa5
		}
		f.Pixels = nil
		return err
	}
}

func (s *stream) receive(session *culvert.Session) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	for {
		p, err := session.Receive(ctx)
		if err != nil {
			return err
		}
		s.judge.received(&p)
	}
}

// Of a finished session every frame came as a packet.
func (s *stream) account(session *culvert.Session) {
	n, err := session.Stats()
	if err != nil {
		s.storm.complain("%v: stats: %v", s.codec, err)
	} else if n.Submitted != n.Settled || n.Submitted != n.Encoded+n.Dropped || n.QueuedPackets != 0 {
		s.storm.complain("%v: %+v", s.codec, n)
	}
}
