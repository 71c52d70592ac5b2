package config

import (
	"errors"
	"slices"

	"github.com/fabricate-seed/fabricate-seed/internal/conninfo"
)

// setTarget reads the connection string, as whatever tool wrote it.
func setTarget(s *Settings, v string) error {
	if !literal(v) { // which is no secret, and part of the words about it
		s.targetText = v
	}
	target, err := conninfo.Parse(v, s.getenv)
	s.secrets = append(s.secrets, target.Secrets...)
	if err != nil {
		return err
	}
	name := s.spelling["database-url"]
	s.Target = target.Config
	for _, notice := range target.Notices {
		s.Notices = append(s.Notices, name+": "+notice)
	}
	for _, warning := range target.Warnings {
		s.Warnings = append(s.Warnings, name+" "+warning)
	}
	return nil
}

// target falls back to libpq's own variables where no connection string was given.
func (p *parser) target() {
	if p.given("database-url") || p.settings.Command == Demo || p.settings.Command == Cache {
		return
	}
	for _, name := range []string{"PGHOST", "PGHOSTADDR", "PGDATABASE", "PGUSER", "PGSERVICE", "PGPORT"} {
		if p.env[name] == "" {
			continue
		}
		target, err := conninfo.Parse("", p.settings.getenv)
		for _, fault := range each(err) {
			p.find("the PG* variables (%s is set): this %v", name, fault)
		}
		p.settings.Target, p.targetFaulty = target.Config, err != nil
		p.settings.spelling["database-url"] = name
		return
	}
}

// each gives the faults that an error is made of.
func each(err error) []error {
	var faults conninfo.Faults
	if !errors.As(err, &faults) {
		if err == nil {
			return nil
		}
		return []error{err}
	}
	var all []error
	for fault := range slices.Values(faults) {
		all = append(all, errors.New(fault))
	}
	return all
}
