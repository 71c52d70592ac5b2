# The action's image, built from source. Nothing here needs BuildKit: classic builders work too.
FROM golang:1.26 AS build
WORKDIR /src
# Modules first: this layer is kept until they change.
COPY go.mod go.sum ./
RUN go mod download
COPY main.go LICENSE ./
COPY internal ./internal
COPY scripts/licenses ./scripts/licenses
ARG VERSION=
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -buildid= -X main.version=${VERSION}" -o /out/fabricate-seed . \
    && go run ./scripts/licenses >/out/licenses.txt && mkdir -m 1777 /out/tmp && touch -d @0 /out/* /out

FROM scratch
LABEL org.opencontainers.image.title="fabricate-seed" \
      org.opencontainers.image.description="Generates a Fabricate database and loads it into PostgreSQL" \
      org.opencontainers.image.source="https://github.com/fabricate-seed/fabricate-seed" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
# The download goes to /tmp, so there has to be one. Copying a folder's parent keeps the folder's mode.
COPY --from=build /out/ /
# No USER: in a container action the runner's mounts (workspace, GITHUB_OUTPUT, GITHUB_STEP_SUMMARY) belong to a user that
# it does not tell, and only root can write them all. Outside GitHub any user will do: docker run --user 65534.
ENTRYPOINT ["/fabricate-seed"]
