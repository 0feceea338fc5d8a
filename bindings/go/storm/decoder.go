package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"os/exec"
	"strings"

	"culvert"
)

// decoder judges H.264 and VP8: all packets, of one session after another, are a stream in which ffprobe finds no error
// and as many pictures.
type decoder struct {
	storm   *storm
	codec   culvert.Codec
	command *exec.Cmd
	stdin   io.WriteCloser
	said    bytes.Buffer
	packets int
}

func newDecoder(storm *storm, codec culvert.Codec) judge {
	format := map[culvert.Codec]string{culvert.CodecH264: "h264", culvert.CodecVP8: "ivf"}[codec]
	d := &decoder{storm: storm, codec: codec}
	d.command = exec.Command("ffprobe", "-v", "error", "-threads", "1", "-f", format, "-count_frames",
		"-select_streams", "v", "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", "-i", "-")
	d.command.Stdout, d.command.Stderr = &d.said, &d.said
	var err error
	if d.stdin, err = d.command.StdinPipe(); err == nil {
		err = d.command.Start()
	}
	if err != nil {
		log.Fatalf("a decoder for %v: %v", codec, err)
	}
	if codec == culvert.CodecVP8 {
		d.write(ivfHeader())
	}
	return d
}

func (d *decoder) write(data []byte) {
	if _, err := d.stdin.Write(data); err != nil {
		d.storm.complain("%v: the decoder ended: %v", d.codec, err)
	}
}

func (d *decoder) submitted(*culvert.Frame) {}

func (d *decoder) received(p *culvert.Packet) {
	if d.codec == culvert.CodecVP8 {
		d.write(ivfFrame(len(p.Data), d.packets))
	}
	d.packets++
	d.write(p.Data)
}

func (d *decoder) sessionEnds() {}

func (d *decoder) streamEnds() {
	d.stdin.Close()
	err := d.command.Wait()
	if said := strings.TrimSpace(d.said.String()); err != nil || said != fmt.Sprint(d.packets) {
		d.storm.complain("%v: of %d packets the decoder says %q (%v)", d.codec, d.packets, said, err)
	}
	fmt.Printf("# %v: %d pictures were decoded\n", d.codec, d.packets)
}

func ivfHeader() []byte {
	header := make([]byte, 32)
	copy(header, "DKIF\x00\x00\x20\x00VP80")
	binary.LittleEndian.PutUint16(header[12:], 640)
	binary.LittleEndian.PutUint16(header[14:], 480)
	binary.LittleEndian.PutUint32(header[16:], 60)
	binary.LittleEndian.PutUint32(header[20:], 1)
	return header
}

func ivfFrame(bytes, pts int) []byte {
	header := binary.LittleEndian.AppendUint32(nil, uint32(bytes))
	return binary.LittleEndian.AppendUint64(header, uint64(pts))
}
