package fabricate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"mime"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// Limits of one download.
const (
	maxRestarts  = 3    // times that it begins again at the first byte
	maxRefreshes = 3    // times that a fresh address is asked for
	maxRequests  = 1000 // requests in all; a proxy may cut each after some megabytes

	longestDownload = 12 * time.Hour // of one download in all, pauses included

	// A server that sends a byte now and then is never silent. Over so many request timeouts at least so many bytes a second are
	// to come, the time between requests not counted.
	slowTimeouts = 10
	slowRate     = 1 << 10
)

// File is what was downloaded.
type File struct {
	Path        string // in the folder given; the caller's to remove
	Name        string // as the server calls it, without folders; empty when it does not
	Size        int64  // bytes
	SHA256      string // hexadecimal
	ContentType string // as the API says, else the server of the data; application/zip by its first bytes
	IsZip       bool   // by content type or by its first bytes
}

// source is where data is, and what to say when it cannot be had.
type source struct {
	what        string   // "download of task …"
	address     *url.URL // a secret
	api         *url.URL // base of the API that gave it; nil when there is none
	contentType string   // as the API says; may be empty
	again       string   // how to come back to it: a sentence; may be empty
	gone        string   // what to do when the address is not valid: a sentence

	fresh func(context.Context) (*url.URL, error) // asks for another address; nil when there is only this one
}

// Download streams the data of a completed task to a new file in the folder dir, readable by its owner only. Progress
// is told often, with total 0 while it is not known; done falls back when the download has to start anew. On any error
// no file is left.
//
// Errors: API when the task has no data, or is gone when it is asked for a fresh address; Data when the download fails,
// is too large or cannot be written; Timeout when the server stays silent, or a limit of time passes; a bare context error when
// ctx was cancelled.
func (c *Client) Download(ctx context.Context, task Task, dir string, progress func(done, total int64)) (File, error) {
	if !task.HasData() {
		return File{}, &problem.Error{
			Code:   problem.API,
			Where:  "generation task " + task.ID,
			What:   "the task has no data to download",
			Remedy: "A task with a connection pushes its rows itself; for a file use the setting format instead.",
		}
	}
	what := "download of task " + task.ID
	return c.download(ctx, source{
		what: what, address: task.data.url, api: c.base, contentType: task.ContentType,
		again: "The data is still there: download it with the setting task-id: " + task.ID + ".",
		gone:  "Generated data is kept for a while only: if this task is old, generate it again.",
		fresh: func(ctx context.Context) (*url.URL, error) {
			task, err := c.Get(ctx, task.ID)
			if err != nil {
				return nil, err
			}
			if !task.HasData() {
				return nil, &problem.Error{
					Code:   problem.API,
					Where:  what,
					What:   "the address of the data has expired, and the task has no data any more",
					Remedy: "Generate it again, without the setting task-id.",
				}
			}
			return task.data.url, nil
		},
	}, dir, progress)
}

// Fetch streams what is at an https address to a new file in the folder dir, as Download does. No key is sent; a user and a
// password in the address are, to its own host. The name is for messages, as in "download of the archive".
//
// Errors: Settings when it is no such address; otherwise as Download.
func (c *Fetcher) Fetch(ctx context.Context, name, address, dir string, progress func(done, total int64)) (File, error) {
	c.secret(address)
	parsed, err := url.Parse(address)
	if err != nil || parsed.Hostname() == "" || parsed.Scheme != "https" && !(parsed.Scheme == "http" && c.allowHTTP) {
		return File{}, &problem.Error{
			Code:   problem.Settings,
			Where:  name,
			What:   "this is not an https address",
			Remedy: "Write it like https://host/path/export.zip, with special characters percent-encoded.",
		}
	}
	return c.download(ctx, source{
		what: name, address: parsed, gone: "Check the address: a signed one is valid for a while only.",
	}, dir, progress)
}

func (c *Fetcher) download(ctx context.Context, from source, dir string, progress func(done, total int64)) (_ File, err error) {
	temp, err := os.CreateTemp(dir, "fabricate-*.part") // mode 0600
	if err != nil {
		return File{}, cannotWrite(dir, err)
	}
	defer func() {
		temp.Close() // a second time after success, which is harmless
		if err != nil {
			os.Remove(temp.Name())
		}
	}()
	if progress == nil {
		progress = func(_, _ int64) {}
	}
	t := &transfer{Fetcher: c, from: from, progress: progress, file: temp, sum: sha256.New()}
	if err := t.run(ctx); err != nil {
		return File{}, err
	}
	if err := temp.Close(); err != nil {
		return File{}, cannotWrite(dir, err)
	}
	contentType := t.contentTypeOfData()
	return File{
		Path:        temp.Name(),
		Name:        t.name,
		Size:        t.got,
		SHA256:      hex.EncodeToString(t.sum.Sum(nil)),
		ContentType: contentType,
		IsZip:       isZipType(contentType) || t.hasZipMagic(),
	}, nil
}

func cannotWrite(dir string, err error) error {
	p := &problem.Error{
		Code:   problem.Data,
		Topic:  problem.Download,
		Where:  dir,
		What:   "the download cannot be written here: " + problem.WithoutPath(err).Error(),
		Remedy: "Point TMPDIR, or the setting data-dir, at a folder that exists and may be written.",
		Err:    err,
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		p.What = "there is no space left for the download"
		p.Remedy = "Free some space, or point TMPDIR, or the setting data-dir, at a larger disk."
	}
	return p
}

func isZipType(contentType string) bool {
	mediaType, _, _ := mime.ParseMediaType(contentType)
	return mediaType == "application/zip" || mediaType == "application/x-zip-compressed"
}

func (t *transfer) contentTypeOfData() string {
	if t.from.contentType != "" {
		return t.from.contentType
	}
	if t.contentType == "" || strings.HasPrefix(t.contentType, "application/octet-stream") ||
		strings.HasPrefix(t.contentType, "binary/octet-stream") {
		if t.hasZipMagic() {
			return "application/zip"
		}
	}
	return t.contentType
}

// hasZipMagic says whether the data begins as a zip does: with a local file, or with the end of an empty one.
func (t *transfer) hasZipMagic() bool {
	return string(t.head) == "PK\x03\x04" || string(t.head) == "PK\x05\x06"
}

// givenUp gives the last word on a download that was given up.
func (t *transfer) givenUp(f *fault, requests int) error {
	var p *problem.Error
	if !errors.As(f.err, &p) {
		return f.err
	}
	p.What = fmt.Sprintf("%s (after %d bytes, %d requests)", p.What, t.got, requests)
	if t.store != "" {
		p.Remedy = strings.TrimSpace(fmt.Sprintf("%s The data was offered over http by %s, and asked for over https where the API is: "+
			"if a store of your own is there, set allow-http to true.", p.Remedy, t.store))
	}
	if p.Remedy == "" {
		p.Remedy = "Check that this machine may reach the server of the data (firewall, HTTPS_PROXY)."
	}
	return addRemedy(p, t.from.again)
}
