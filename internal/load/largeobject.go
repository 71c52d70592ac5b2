package load

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/fabricate-seed/fabricate-seed/internal/psql"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
)

// largeObjectChunk is how many bytes of a large object go to the server at once.
const largeObjectChunk = 256 << 10

// largeObject carries out \lo_import and \lo_unlink.
func (r *run) largeObject(ctx context.Context, sc *psql.Script, lo *psql.LargeObject) *failure {
	if f := r.holdCommand(ctx, lo.Pos, "SELECT pg_catalog.lo_put()"); f != nil { // of large objects no list knows
		return f
	}
	f := &failure{at: lo.Pos}
	if lo.File == "" {
		f.err = r.exec(ctx, fmt.Sprintf("SELECT pg_catalog.lo_unlink(%s::pg_catalog.oid)", sqltext.Literal(lo.OID)))
	} else {
		f.err = r.importObject(ctx, sc, lo)
	}
	if f.err == nil {
		return nil
	}
	var e *psql.Error
	f.refused = errors.As(f.err, &e) && e.Refused
	return f
}

func (r *run) importObject(ctx context.Context, sc *psql.Script, lo *psql.LargeObject) error {
	file, err := sc.OpenFile(lo.Pos, lo.File)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	oid := ""
	if err := r.session.Do(ctx, []byte("SELECT pg_catalog.lo_create(0)"), session.Handlers{Columns: 1, Row: func(v [][]byte) { oid = string(v[0]) }}); err != nil {
		return err
	}
	buf := make([]byte, largeObjectChunk)
	for offset := 0; ; {
		n, err := io.ReadFull(file, buf)
		if n > 0 {
			if err := r.exec(ctx, fmt.Sprintf(`SELECT pg_catalog.lo_put(%s, %d, pg_catalog.decode('%s', 'hex'))`, oid, offset, hex.EncodeToString(buf[:n]))); err != nil {
				return err
			}
			offset += n
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			return &psql.Error{Pos: lo.Pos, Message: lo.File + ": " + err.Error(), Err: err}
		}
	}
	if lo.Comment != "" {
		if err := r.exec(ctx, fmt.Sprintf("COMMENT ON LARGE OBJECT %s IS %s", oid, sqltext.Literal(lo.Comment))); err != nil {
			return err
		}
	}
	r.vars.Put("LASTOID", oid)
	return nil
}
