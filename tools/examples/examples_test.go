// Package examples holds the examples that are no workflows to the types that read them: manifests to the Kubernetes API's,
// the Compose file to Compose's own loader, the pipeline to GitLab's keywords. What they set has to be settings of the
// program, and what they say of exit codes has to be true.
package examples

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	kubeyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/fabricate-seed/fabricate-seed/internal/config"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

const folder = "../../examples"

// manifests decodes every manifest of the example: unknown and doubled fields are errors.
func manifests(t *testing.T) (secrets map[string]*core.Secret, jobs map[string]batch.JobSpec) {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{core.AddToScheme, batch.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	files, err := filepath.Glob(folder + "/kubernetes/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no manifests (%v)", err)
	}
	secrets, jobs = map[string]*core.Secret{}, map[string]batch.JobSpec{}
	var claims []string
	for _, file := range files {
		documents := kubeyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(read(t, file))))
		for {
			text, err := documents.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			object, _, err := decoder.Decode(text, nil, nil)
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			switch object := object.(type) {
			case *core.Secret:
				secrets[object.Name] = object
			case *core.PersistentVolumeClaim:
				claims = append(claims, object.Name)
			case *batch.Job:
				jobs[filepath.Base(file)+" "+object.Name] = object.Spec
			case *batch.CronJob:
				if object.Spec.ConcurrencyPolicy != batch.ForbidConcurrent {
					t.Errorf("%s: two refreshes may run at once", file)
				}
				jobs[filepath.Base(file)+" "+object.Name] = object.Spec.JobTemplate.Spec
			default:
				t.Errorf("%s: %T is not looked at", file, object)
			}
		}
	}
	for name, job := range jobs {
		for _, v := range job.Template.Spec.Volumes {
			if v.PersistentVolumeClaim != nil && !slices.Contains(claims, v.PersistentVolumeClaim.ClaimName) {
				t.Errorf("%s: no claim %s", name, v.PersistentVolumeClaim.ClaimName)
			}
		}
	}
	return secrets, jobs
}

func TestKubernetes(t *testing.T) {
	t.Parallel()
	secrets, jobs := manifests(t)
	if len(jobs) != 5 || len(secrets) != 1 {
		t.Fatalf("%d jobs and %d secrets", len(jobs), len(secrets))
	}
	for file, job := range jobs {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			limit, hopeless := job.BackoffLimit, batch.PodFailurePolicyActionFailJob
			if job.CompletionMode != nil && *job.CompletionMode == batch.IndexedCompletion {
				limit, hopeless = job.BackoffLimitPerIndex, batch.PodFailurePolicyActionFailIndex
				if job.MaxFailedIndexes == nil || job.Completions == nil || job.Parallelism == nil || job.BackoffLimit != nil {
					t.Error("not all that an Indexed Job says of its indexes")
				}
			}
			if job.ActiveDeadlineSeconds == nil || limit == nil {
				t.Error("no deadline or no limit of attempts")
			}
			pod := job.Template.Spec
			if pod.RestartPolicy != core.RestartPolicyNever { // the failure policy needs it
				t.Errorf("restart policy %s", pod.RestartPolicy)
			}
			if s := pod.SecurityContext; s == nil || s.RunAsNonRoot == nil || !*s.RunAsNonRoot || s.RunAsUser == nil || *s.RunAsUser == 0 {
				t.Error("the pod may run as root")
			}
			if len(pod.Containers) != 1 {
				t.Fatalf("%d containers", len(pod.Containers))
			}
			container := pod.Containers[0]
			privileges(t, container)
			if !slices.ContainsFunc(container.VolumeMounts, func(m core.VolumeMount) bool {
				return m.MountPath == "/tmp" && slices.ContainsFunc(pod.Volumes, func(v core.Volume) bool { return v.Name == m.Name && v.EmptyDir != nil })
			}) {
				t.Error("nothing can be written to /tmp")
			}
			if container.Resources.Requests.Memory().IsZero() || container.Resources.Limits.Memory().IsZero() {
				t.Error("no resources")
			}
			settings(t, environment(t, container, secrets))
			exitCodes(t, job.PodFailurePolicy, container.Name, hopeless)
		})
	}
}

func privileges(t *testing.T, container core.Container) {
	t.Helper()
	s := container.SecurityContext
	switch {
	case s == nil, s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem:
		t.Error("the root file system can be written")
	case s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation, s.Privileged != nil && *s.Privileged:
		t.Error("privileges can be had")
	case s.Capabilities == nil || !slices.Contains(s.Capabilities.Drop, "ALL") || len(s.Capabilities.Add) > 0:
		t.Error("capabilities are left")
	}
}

// environment gives what the container is started with, secrets looked up.
func environment(t *testing.T, container core.Container, secrets map[string]*core.Secret) (environ []string) {
	t.Helper()
	for _, variable := range container.Env {
		value := variable.Value
		if from := variable.ValueFrom; from != nil {
			if from.FieldRef != nil {
				if from.FieldRef.FieldPath != "metadata.annotations['"+batch.JobCompletionIndexAnnotation+"']" {
					t.Errorf("%s comes from %s", variable.Name, from.FieldRef.FieldPath)
				}
				environ = append(environ, variable.Name+"=49")
				continue
			}
			if from.SecretKeyRef == nil {
				t.Fatalf("%s does not come from a secret", variable.Name)
			}
			secret := secrets[from.SecretKeyRef.Name]
			if secret == nil || secret.StringData[from.SecretKeyRef.Key] == "" {
				t.Fatalf("%s: no secret %s with the key %s", variable.Name, from.SecretKeyRef.Name, from.SecretKeyRef.Key)
			}
			value = secret.StringData[from.SecretKeyRef.Key]
		}
		for _, before := range environ { // Kubernetes knows those that stand before
			name, known, _ := strings.Cut(before, "=")
			value = strings.ReplaceAll(value, "$("+name+")", known)
		}
		if strings.Contains(value, "$(") {
			t.Errorf("%s is %s: nothing before it has that name", variable.Name, value)
		}
		environ = append(environ, variable.Name+"="+value)
	}
	return environ
}

// settings wants the program to take this environment, for the whole path into a database or into the cache.
func settings(t *testing.T, environ []string) {
	t.Helper()
	var archive string // which is on a volume
	for i, variable := range environ {
		if strings.HasPrefix(variable, "FABRICATE_ARCHIVE=") {
			archive = t.TempDir()
			environ[i] = "FABRICATE_ARCHIVE=" + archive
		}
	}
	got, err := config.Parse(nil, environ)
	if err != nil {
		t.Fatal(err)
	}
	if got.Target == nil && (got.Load != config.LoadFalse || got.CacheDir == "") || got.APIKey == "" && archive == "" || len(got.Warnings) > 0 {
		t.Errorf("no database, no key, or warnings %q", got.Warnings)
	}
}

// exitCodes wants a rule for every exit code that is a failure, in the one container.
func exitCodes(t *testing.T, policy *batch.PodFailurePolicy, container string, hopeless batch.PodFailurePolicyAction) {
	t.Helper()
	if policy == nil {
		t.Fatal("no pod failure policy")
	}
	actions := map[problem.Code]batch.PodFailurePolicyAction{}
	for _, rule := range policy.Rules {
		if rule.OnExitCodes == nil {
			continue
		}
		if name := rule.OnExitCodes.ContainerName; name == nil || *name != container {
			t.Errorf("a rule for another container than %s", container)
		}
		for _, code := range rule.OnExitCodes.Values {
			actions[problem.Code(code)] = rule.Action
		}
	}
	for code, want := range map[problem.Code]batch.PodFailurePolicyAction{
		problem.Unexpected: hopeless, problem.Settings: hopeless, problem.API: hopeless, problem.Data: hopeless,
		problem.Timeout: batch.PodFailurePolicyActionCount, problem.Database: batch.PodFailurePolicyActionCount,
		problem.Interrupted: batch.PodFailurePolicyActionCount,
	} {
		if actions[code] != want {
			t.Errorf("exit code %d: %q, want %q", code, actions[code], want)
		}
		delete(actions, code)
	}
	if len(actions) > 0 {
		t.Errorf("codes that the program has not: %v", actions)
	}
}

// TestCompose loads the file as Compose does, which knows every field.
func TestCompose(t *testing.T) {
	t.Parallel()
	options, err := cli.NewProjectOptions([]string{folder + "/compose.yml"}, cli.WithName("seed"), cli.WithEnv([]string{"FABRICATE_API_KEY=k"}),
		cli.WithResolvedPaths(true))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	seed, err := project.GetService("seed")
	if err != nil {
		t.Fatal(err)
	}
	var environ []string
	for name, value := range seed.Environment {
		if value != nil {
			environ = append(environ, name+"="+*value)
		}
	}
	settings(t, environ)
	if !seed.ReadOnly || seed.User == "" || strings.HasPrefix(seed.User, "0") || seed.Privileged || !slices.Contains(seed.CapDrop, "ALL") {
		t.Error("the seed has more rights than it needs")
	}
}

// TestGitLab holds the pipelines to the keywords that it may use (https://docs.gitlab.com/ci/yaml/), and to our exit codes.
func TestGitLab(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"gitlab-ci.yml", "gitlab-ci-cached.yml"} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			pipeline(t, file)
		})
	}
}

// gitlabJob has the keywords of a job that the examples may use.
type gitlabJob struct {
	Extends  string `json:"extends"`
	Stage    string `json:"stage"`
	Image    string `json:"image"`
	Services []struct {
		Name      string            `json:"name"`
		Alias     string            `json:"alias"`
		Variables map[string]string `json:"variables"`
	} `json:"services"`
	Variables map[string]string `json:"variables"`
	Timeout   string            `json:"timeout"`
	Retry     struct {
		Max       int            `json:"max"`
		ExitCodes []problem.Code `json:"exit_codes"`
	} `json:"retry"`
	Rules []struct {
		If        string            `json:"if"`
		When      string            `json:"when"`
		Variables map[string]string `json:"variables"`
	} `json:"rules"`
	Cache struct {
		Key struct {
			Files  []string `json:"files"`
			Prefix string   `json:"prefix"`
		} `json:"key"`
		Paths []string `json:"paths"`
		When  string   `json:"when"`
	} `json:"cache"`
	BeforeScript []string `json:"before_script"`
	Script       []string `json:"script"`
}

func pipeline(t *testing.T, file string) {
	t.Helper()
	var jobs map[string]gitlabJob
	if err := yaml.UnmarshalStrict(read(t, folder+"/"+file), &jobs); err != nil {
		t.Fatal(err)
	}
	job, ok := jobs["test"]
	if !ok || len(job.Script) == 0 || len(job.Services) != 1 {
		t.Fatalf("got %+v", jobs)
	}
	if !slices.Equal(job.Retry.ExitCodes, []problem.Code{problem.Timeout, problem.Database}) {
		t.Errorf("tried again after %v", job.Retry.ExitCodes)
	}
	environ := []string{"FABRICATE_API_KEY=k"}
	all := []map[string]string{job.Variables}
	for _, rule := range job.Rules {
		all = append(all, rule.Variables)
	}
	for _, variables := range all {
		for name, value := range variables {
			environ = append(environ, name+"="+value)
		}
		settings(t, append([]string{"FABRICATE_WORKSPACE=shop", "FABRICATE_DATABASE=shop"}, environ...))
	}
	if dir := job.Variables["FABRICATE_CACHE_DIR"]; dir != "" && !slices.Contains(job.Cache.Paths, dir+"/") {
		t.Errorf("%s is not among the cache's paths", dir)
	}
	for _, line := range job.Script {
		if strings.Contains(line, "psql") {
			t.Errorf("%s needs psql", line)
		}
		if arguments, ok := strings.CutPrefix(line, "fabricate-seed "); ok {
			arguments = strings.Replace(arguments, "--before db", "--before "+migrations(t), 1)
			if _, err := config.Parse(strings.Fields(arguments), environ); err != nil {
				t.Error(err)
			}
			return
		}
	}
	t.Error("the script does not call the program")
}

// migrations gives a folder with one.
func migrations(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/schema.sql", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestGitLabMatrix holds the pipeline for many databases to the same: each job of its matrix has a database of its own.
func TestGitLabMatrix(t *testing.T) {
	// not in parallel: it changes the folder
	type retry struct {
		Max       int            `json:"max"`
		ExitCodes []problem.Code `json:"exit_codes"`
	}
	type job struct {
		Stage     string   `json:"stage"`
		Script    []string `json:"script"`
		Needs     []string `json:"needs"`
		Artifacts struct {
			Paths    []string `json:"paths"`
			ExpireIn string   `json:"expire_in"`
		} `json:"artifacts"`
		Parallel struct {
			Matrix []map[string][]string `json:"matrix"`
		} `json:"parallel"`
		ResourceGroup string            `json:"resource_group"`
		Variables     map[string]string `json:"variables"`
	}
	var file struct {
		Stages  []string `json:"stages"`
		Default struct {
			Image        string   `json:"image"`
			Timeout      string   `json:"timeout"`
			Retry        retry    `json:"retry"`
			BeforeScript []string `json:"before_script"`
		} `json:"default"`
		Variables map[string]string `json:"variables"`
		Generate  job               `json:"generate"`
		Seed      job               `json:"seed"`
	}
	if err := yaml.UnmarshalStrict(read(t, folder+"/gitlab-ci-many.yml"), &file); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(file.Default.Retry.ExitCodes, []problem.Code{problem.Timeout, problem.Database}) {
		t.Errorf("tried again after %v", file.Default.Retry.ExitCodes)
	}
	if !slices.Equal(file.Seed.Needs, []string{"generate"}) || !slices.Equal(file.Generate.Artifacts.Paths, []string{"seed-data/"}) {
		t.Errorf("seed needs %v, generate keeps %v", file.Seed.Needs, file.Generate.Artifacts.Paths)
	}
	t.Chdir(t.TempDir())
	for _, name := range []string{"seed-data", "db"} {
		if err := os.MkdirAll(name, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name+"/load.sql", nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	databases := map[string]bool{}
	for _, tenant := range file.Seed.Parallel.Matrix[0]["TENANT"] {
		url := os.Expand(file.Seed.Variables["DATABASE_URL"], func(name string) string {
			return map[string]string{"TENANTS_SERVER_URL": "postgresql://owner:pw@db:5432", "TENANT": tenant}[name]
		})
		words, _, _ := strings.Cut(file.Seed.Script[0], " #")
		got, err := config.Parse(strings.Fields(words)[1:], []string{"DATABASE_URL=" + url})
		if err != nil {
			t.Fatal(err)
		}
		databases[got.Target.Database] = true
	}
	if len(databases) < 2 || len(databases) != len(file.Seed.Parallel.Matrix[0]["TENANT"]) {
		t.Errorf("databases %v", databases)
	}
	if _, err := config.Parse(strings.Fields(file.Generate.Script[0])[1:], []string{"FABRICATE_API_KEY=k"}); err != nil {
		t.Error(err)
	}
}
