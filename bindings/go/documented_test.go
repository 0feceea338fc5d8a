package culvert_test

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"io/fs"
	"strings"
	"testing"
)

func TestEverythingExportedIsDocumented(t *testing.T) {
	isSource := func(info fs.FileInfo) bool { return !strings.HasSuffix(info.Name(), "_test.go") }
	packages, err := parser.ParseDir(token.NewFileSet(), ".", isSource, parser.ParseComments)
	must(t, err)
	p := doc.New(packages["culvert"], "culvert", 0)
	documented := 0
	look := func(name, text string) {
		documented++
		if text == "" && ast.IsExported(name[strings.LastIndex(name, ".")+1:]) {
			t.Errorf("%s has no comment", name)
		}
	}
	look("culvert", p.Doc)
	for _, f := range p.Funcs {
		look(f.Name, f.Doc)
	}
	for _, kind := range p.Types {
		look(kind.Name, kind.Doc)
		for _, f := range append(kind.Funcs, kind.Methods...) {
			look(kind.Name+"."+f.Name, f.Doc)
		}
	}
	if documented < 60 {
		t.Errorf("%d names were found", documented)
	}
}
