package culvert_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"time"
	"unsafe"

	"culvert"
)

var codecs = []culvert.Codec{culvert.CodecH264, culvert.CodecVP8, culvert.CodecVP9, culvert.CodecNull}

func TestEveryCodecMakesAPacketOfEachFrame(t *testing.T) {
	for _, codec := range codecs {
		t.Run(codec.String(), func(t *testing.T) {
			s := open(t, config(codec))
			for i := 0; i < 20; i++ {
				must(t, s.Submit(frame(i, 160, 120)))
			}
			must(t, s.Finish())
			all := rest(t, s)
			if len(all) != 20 {
				t.Fatalf("%d packets", len(all))
			}
			for i, p := range all {
				if p.PTS != int64(i)*1000000/60 || p.Frame != uint64(i)+1 ||
					p.Width != 160 || p.Height != 120 || len(p.Data) == 0 {
					t.Errorf("packet %d: %+v", i, p)
				}
			}
			first, second := all[0].Flags, all[1].Flags
			if !first.Has(culvert.PacketKey|culvert.PacketEpoch) || second.Has(culvert.PacketKey) {
				t.Errorf("%v, then %v", first, second)
			}
		})
	}
}

func TestAFrameOfAnotherSizeBeginsAnEpoch(t *testing.T) {
	s := open(t, config(culvert.CodecH264))
	must(t, s.Submit(frame(0, 256, 240)))
	must(t, s.Submit(frame(1, 512, 240)))
	must(t, s.Submit(frame(2, 513, 241)))
	must(t, s.Finish())
	all := rest(t, s)
	if len(all) != 3 || all[1].Epoch != 2 || all[2].Epoch != 3 ||
		!all[2].Flags.Has(culvert.PacketKey|culvert.PacketEpoch) {
		t.Fatalf("%+v", all)
	}
	if p := all[2]; p.Width != 513 || p.CodedWidth != 514 || p.CodedHeight != 242 {
		t.Errorf("%dx%d in %dx%d", p.Width, p.Height, p.CodedWidth, p.CodedHeight)
	}
}

func TestPixelsComeOutAsTheyWereWhenSubmitReturned(t *testing.T) {
	s := open(t, pixelsConfig())
	picture := make([]byte, 64*48*3/2)
	for i := range picture {
		picture[i] = byte(i)
	}
	f := &culvert.Frame{Format: culvert.FormatI420, Width: 64, Height: 48, Pixels: append([]byte(nil), picture...)}
	must(t, s.Submit(f))
	for i := range f.Pixels {
		f.Pixels[i] = 0xee
	}
	must(t, s.Finish())
	if data := rest(t, s)[0].Data; !bytes.Equal(data[32:], picture) {
		t.Error("the picture differs")
	}
}

// red is a pixel of the purest red.
var red = map[culvert.Format][]byte{
	culvert.FormatBGRA: {0, 0, 255, 0}, culvert.FormatRGBA: {255, 0, 0, 0},
	culvert.FormatXRGB8888: native[uint32](0x00ff0000),
	culvert.FormatRGB565:   native[uint16](0xf800), culvert.Format0RGB1555: native[uint16](0x7c00),
}

// native is a word as this machine has it in memory.
func native[W uint16 | uint32](word W) []byte {
	return append([]byte(nil), unsafe.Slice((*byte)(unsafe.Pointer(&word)), unsafe.Sizeof(word))...)
}

func TestEveryFormatIsUnderstood(t *testing.T) {
	const width, height = 32, 16
	planar := append(bytes.Repeat([]byte{81}, width*height), bytes.Repeat([]byte{90}, width*height/4)...)
	planar = append(planar, bytes.Repeat([]byte{240}, width*height/4)...)
	pictures := map[culvert.Format][]byte{culvert.FormatI420: planar}
	pictures[culvert.FormatNV12] = append(bytes.Repeat([]byte{81}, width*height),
		bytes.Repeat([]byte{90, 240}, width*height/4)...)
	for format, pixel := range red {
		pictures[format] = bytes.Repeat(pixel, width*height)
	}
	for format, pixels := range pictures {
		t.Run(format.String(), func(t *testing.T) {
			s := open(t, pixelsConfig())
			must(t, s.Submit(&culvert.Frame{Format: format, Width: width, Height: height, Pixels: pixels}))
			must(t, s.Finish())
			for i, got := range rest(t, s)[0].Data[32:] {
				if int(got)-int(planar[i]) > 2 || int(planar[i])-int(got) > 2 {
					t.Fatalf("byte %d is %d, not %d", i, got, planar[i])
				}
			}
		})
	}
}

func TestStrideOffsetRotationAndFlipArrive(t *testing.T) {
	s := open(t, pixelsConfig())
	pixels := make([]byte, 5+40*16*3/2)
	for y := 0; y < 16; y++ {
		for x := 0; x < 32; x++ {
			pixels[5+40*y+x] = byte(8 * y)
		}
	}
	must(t, s.Submit(&culvert.Frame{Format: culvert.FormatI420, Width: 32, Height: 16, Pixels: pixels, Rotation: 90,
		Offset: [3]uint32{5}, Stride: [3]uint32{40}, Flip: culvert.FlipHorizontal, AspectNum: 3, AspectDen: 4}))
	must(t, s.Finish())
	p := rest(t, s)[0]
	if p.Width != 16 || p.Height != 32 || p.AspectNum != 3 || p.AspectDen != 4 {
		t.Errorf("%dx%d, %d:%d", p.Width, p.Height, p.AspectNum, p.AspectDen)
	}
	// Turned to the left, the top row is the left column; mirrored, the right one.
	if left, right := p.Data[32], p.Data[32+15]; left != 120 || right != 0 {
		t.Errorf("%d ... %d", left, right)
	}
}

func TestEncodeReturnsTheFramesOwnPacket(t *testing.T) {
	s := open(t, config(culvert.CodecH264))
	var p culvert.Packet
	for i := 0; i < 5; i++ {
		result, err := s.Encode(frame(i, 320, 240), &p, time.Minute)
		must(t, err)
		if result != culvert.ResultOK || p.Frame != uint64(i)+1 || !bytes.HasPrefix(p.Data, []byte{0, 0, 0, 1}) {
			t.Fatalf("%v: %+v", result, p)
		}
	}
	result, err := s.Encode(&culvert.Frame{Format: culvert.FormatRGB565, Width: 320, Height: 240, PTS: 90000,
		Flags: culvert.FrameSame}, &p, time.Minute)
	must(t, err)
	if result != culvert.ResultRepeated {
		t.Error(result)
	}
	params, err := s.Params()
	must(t, err)
	if len(params) < 100 {
		t.Errorf("%q", params)
	}
}

func TestAPacketThatIsTooLargeForEncodeComesFromReceive(t *testing.T) {
	large := pixelsConfig()
	large.Scale = 8
	s := open(t, large)
	var p culvert.Packet
	_, err := s.Encode(frame(0, 80, 60), &p, time.Minute)
	expect(t, err, culvert.ErrBuffer)
	must(t, s.ReceiveInto(soon(t), &p))
	if len(p.Data) != 32+640*480*3/2 || p.Frame != 1 {
		t.Errorf("%d bytes of frame %d", len(p.Data), p.Frame)
	}
}

func TestReceiveIntoUsesTheMemoryThatIsThere(t *testing.T) {
	s := open(t, config(culvert.CodecNull))
	p := culvert.Packet{Data: make([]byte, 0, 64)}
	memory := &p.Data[:1][0]
	must(t, s.Submit(frame(0, 64, 64)))
	must(t, s.ReceiveInto(soon(t), &p))
	if len(p.Data) != 32 || &p.Data[0] != memory {
		t.Error("it is other memory")
	}
}

func TestAFinishedStreamEndsWithEOF(t *testing.T) {
	s := open(t, config(culvert.CodecNull))
	must(t, s.Submit(frame(0, 64, 64)))
	must(t, s.Finish())
	must(t, s.Finish())
	if n := len(rest(t, s)); n != 1 {
		t.Errorf("%d packets", n)
	}
	var p culvert.Packet
	if err := s.TryReceive(&p); err != io.EOF {
		t.Error(err)
	}
	if _, err := s.Peek(soon(t)); err != io.EOF {
		t.Error(err)
	}
}

func TestControlsAreNumberedAndObeyed(t *testing.T) {
	s := open(t, config(culvert.CodecH264))
	must(t, s.Submit(frame(0, 320, 240)))
	if _, err := s.Receive(soon(t)); err != nil {
		t.Fatal(err)
	}
	controls := []func() (culvert.Change, error){
		func() (culvert.Change, error) { return s.SetBitrate(900) },
		func() (culvert.Change, error) { return s.SetFramerate(50, 1) },
		func() (culvert.Change, error) { return s.ReportLoss(0) },
		s.RequestKeyframe, s.Pause, s.Resume,
		func() (culvert.Change, error) { return s.SetSpeed(5) },
	}
	for i, control := range controls {
		change, err := control()
		must(t, err)
		if change.Number != uint32(i)+1 || change.Reopens != (i == 6) {
			t.Errorf("call %d: %+v", i+1, change)
		}
	}
	must(t, s.Submit(frame(1, 320, 240)))
	must(t, s.Finish())
	all := rest(t, s)
	if p := all[len(all)-1]; p.Control != uint32(len(controls)) {
		t.Errorf("%+v", p)
	}
	stats, err := s.Stats()
	must(t, err)
	if stats.BitrateKbps != 900 || stats.FPSNum != 50 || stats.KeyRequests != 1 || stats.Losses != 1 || stats.Paused {
		t.Errorf("%+v", stats)
	}
}

func TestStatisticsAccountForEveryFrame(t *testing.T) {
	latest := config(culvert.CodecVP8)
	latest.Policy = culvert.PolicyLatest
	s := open(t, latest)
	for i := 0; i < 50; i++ {
		f := frame(i/2, 64, 64+uint32(i/10)*2) // each picture twice
		f.PTS = int64(i) * 1000
		must(t, s.Submit(f))
	}
	must(t, s.Finish())
	all := rest(t, s)
	n, err := s.Stats()
	must(t, err)
	if n.Submitted != 50 || n.Settled != 50 || n.Encoded+n.Skipped+n.Repeated+n.Dropped+n.Lost+n.Failed != 50 {
		t.Errorf("%+v", n)
	}
	var bytes uint64
	for _, p := range all {
		bytes += uint64(len(p.Data))
	}
	if n.Packets != uint64(len(all)) || n.Bytes != bytes || n.Encoded+n.Inserted != n.Packets || n.QueuedPackets != 0 {
		t.Errorf("%d packets of %d bytes were received: %+v", len(all), bytes, n)
	}
	if n.Total.Max < n.Total.P50 || n.Total.Max == 0 || n.Encode.Max > time.Minute {
		t.Errorf("%+v", n.Total)
	}
}

func TestRepeatsComeAsPacketsOfNoBytesWhenTheyAreWanted(t *testing.T) {
	repeats := config(culvert.CodecH264)
	repeats.Flags |= culvert.ConfigRepeats
	s := open(t, repeats)
	must(t, s.Submit(frame(0, 64, 64)))
	again := *frame(0, 64, 64)
	again.PTS = 20000
	must(t, s.Submit(&again))
	must(t, s.Finish())
	all := rest(t, s)
	if len(all) != 2 || !all[1].Flags.Has(culvert.PacketRepeated) || len(all[1].Data) != 0 || all[1].PTS != 20000 {
		t.Errorf("%+v", all)
	}
}

func TestAPacketWakesWhoeverWaits(t *testing.T) {
	s := open(t, config(culvert.CodecNull))
	quickest := time.Hour
	for i := 0; i < 10; i++ {
		received := make(chan error)
		go func() {
			_, err := s.Receive(soon(t))
			received <- err
		}()
		time.Sleep(20 * time.Millisecond)
		began := time.Now()
		must(t, s.Submit(frame(i, 64, 64)))
		must(t, <-received)
		if took := time.Since(began); took < quickest {
			quickest = took
		}
	}
	if quickest > 500*time.Millisecond { // who waits looks by itself only once a second
		t.Errorf("it took %v", quickest)
	}
}

func TestReceiveEndsWithItsContext(t *testing.T) {
	s := open(t, config(culvert.CodecNull))
	quickest := time.Hour // the machine may be busy, but not each time
	for i := 0; i < 20; i++ {
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(time.Duration(i)*time.Millisecond, cancel)
		began := time.Now()
		_, err := s.Receive(ctx)
		expect(t, err, context.Canceled)
		if took := time.Since(began); took < quickest {
			quickest = took
		}
	}
	if quickest > 500*time.Millisecond {
		t.Errorf("it took %v", quickest)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	_, err := s.Receive(ctx)
	expect(t, err, context.DeadlineExceeded)
	must(t, s.Submit(frame(0, 64, 64)))
	for err = error(culvert.ErrAgain); errors.Is(err, culvert.ErrAgain) || errors.Is(err, context.DeadlineExceeded); {
		_, err = s.Receive(ctx)
	}
	must(t, err)
}
