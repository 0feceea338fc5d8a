// Streamer encodes an emulated game that changes its size every second, at 60 frames a second, and writes what a
// transport would send.
//
//	go build -o streamer . && ./streamer out.h264 10 && ffplay out.h264
//	./streamer - 10 unix:/run/culvert/culvertd.sock | ffplay -
package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"os"
	"strconv"
	"time"

	"culvert"
)

const fps = 60

var sizes = [][2]uint32{{256, 240}, {320, 240}, {368, 240}, {512, 240}, {640, 480}}

// draw is the game: each frame is memory of its own, which nobody needs once it is submitted.
func draw(number int) *culvert.Frame {
	size := sizes[number/fps%len(sizes)]
	f := &culvert.Frame{Format: culvert.FormatRGB565, Width: size[0], Height: size[1], PTS: culvert.PTSNow}
	f.Pixels = make([]byte, 0, 2*f.Width*f.Height)
	for y := uint32(0); y < f.Height; y++ {
		for x := uint32(0); x < f.Width; x++ {
			pixel := (x+uint32(number))/8%32<<11 | (y+uint32(number)/2)/4%64<<5 | (x^y)%32
			f.Pixels = binary.LittleEndian.AppendUint16(f.Pixels, uint16(pixel))
		}
	}
	return f
}

// send takes packets up to the end of the stream.
func send(session *culvert.Session, out io.Writer) error {
	var p culvert.Packet // used again and again, so that packets cost no garbage
	for {
		if err := session.ReceiveInto(context.Background(), &p); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if p.Flags.Has(culvert.PacketEpoch) {
			fmt.Fprintf(os.Stderr, "%dx%d\n", p.Width, p.Height)
		}
		if _, err := out.Write(p.Data); err != nil {
			return err
		}
	}
}

func stream(out io.Writer, seconds int, endpoint string) error {
	session, err := culvert.Open(culvert.Config{FPSNum: fps, FPSDen: 1, Name: "streamer", Endpoint: endpoint})
	if err != nil {
		return err
	}
	defer session.Close()
	sent := make(chan error, 1)
	go func() { sent <- send(session, out) }()
	vsync := time.Tick(time.Second / fps)
	for i := 0; i < seconds*fps && err == nil; i++ {
		<-vsync
		err = session.Submit(draw(i))
	}
	if err != nil {
		return err
	}
	session.Finish()
	return <-sent
}

func argument(i int, otherwise string) string {
	if i < len(os.Args) {
		return os.Args[i]
	}
	return otherwise
}

func main() {
	log.SetFlags(0)
	seconds, err := strconv.Atoi(argument(2, "10"))
	if len(os.Args) < 2 || len(os.Args) > 4 || err != nil {
		log.Fatal("usage: streamer OUTPUT [SECONDS] [ENDPOINT]")
	}
	out := os.Stdout
	if os.Args[1] != "-" {
		out, err = os.Create(os.Args[1])
	}
	if err == nil {
		err = stream(out, seconds, argument(3, ""))
	}
	if err != nil {
		log.Fatal("streamer: ", err)
	}
}
