// Reads a log's folder with the code of Go's checksum database: its notes, its tiles, its proofs. Nothing of ours.
//
//	check FOLDER VERIFIER_KEY [OLDER_CHECKPOINT]
package main

import (
	"encoding/binary"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type folder string

func (folder) Height() int                        { return 8 }
func (folder) SaveTiles([]tlog.Tile, [][]byte)    {}
func (f folder) file(name string) ([]byte, error) { return os.ReadFile(filepath.Join(string(f), name)) }

// The checksum database names the height in its paths, which c2sp.org/tlog-tiles leaves out.
func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		data, err := f.file(strings.Replace(tile.Path(), "tile/8/", "tile/", 1))
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func head(data []byte, key string) tlog.Tree {
	verifier, err := note.NewVerifier(key)
	must(err)
	opened, err := note.Open(data, note.VerifierList(verifier))
	must(err)
	var tree tlog.Tree
	var origin, root string
	_, err = fmt.Sscanf(opened.Text, "%s\n%d\n%s\n", &origin, &tree.N, &root)
	must(err)
	if origin != verifier.Name() {
		log.Fatalf("the log is called %s", origin)
	}
	tree.Hash, err = tlog.ParseHash(root)
	must(err)
	return tree
}

func main() {
	f := folder(os.Args[1])
	data, err := f.file("checkpoint")
	must(err)
	tree := head(data, os.Args[2])
	hashes := tlog.TileHashReader(tree, f)
	count := int64(0)
	for number := int64(0); count < tree.N; number++ {
		width := int(tree.N - count)
		if width > 256 {
			width = 256
		}
		tile := tlog.Tile{H: 8, L: -1, N: number, W: width}
		bundle, err := f.file(strings.Replace(tile.Path(), "tile/8/data/", "tile/entries/", 1))
		must(err)
		for len(bundle) > 0 {
			length := int(binary.BigEndian.Uint16(bundle))
			entry := bundle[2 : 2+length]
			bundle = bundle[2+length:]
			proof, err := tlog.ProveRecord(tree.N, count, hashes)
			must(err)
			must(tlog.CheckRecord(proof, tree.N, tree.Hash, count, tlog.RecordHash(entry)))
			count++
		}
	}
	if len(os.Args) > 3 {
		data, err := os.ReadFile(os.Args[3])
		must(err)
		old := head(data, os.Args[2])
		proof, err := tlog.ProveTree(tree.N, old.N, hashes)
		must(err)
		must(tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash))
	}
	fmt.Printf("%d entries\n", count)
}
