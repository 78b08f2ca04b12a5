#!/bin/sh
# Makes an image archive (the form of `docker save`) from this machine's static busybox.
#
#   sh examples/make-image.sh REFERENCE FILE
set -eu
reference=$1
file=$2
busybox=$(command -v busybox)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mkdir -p "$work/root/bin" "$work/root/etc" "$work/root/tmp" "$work/root/www" "$work/image"
chmod 1777 "$work/root/tmp"
chmod 777 "$work/root/www"
cp "$busybox" "$work/root/bin/busybox"
for applet in $("$busybox" --list); do
  [ "$applet" = busybox ] || ln -s busybox "$work/root/bin/$applet"
done
printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' \
  > "$work/root/etc/passwd"
printf 'root:x:0:\nnogroup:x:65534:\n' > "$work/root/etc/group"

tar -C "$work/root" --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 \
  -cf "$work/image/layer.tar" .
layer=$(sha256sum "$work/image/layer.tar" | cut -d' ' -f1)
cat > "$work/image/config.json" << JSON
{"architecture": "amd64", "os": "linux",
 "config": {"Cmd": ["sh"], "Env": ["PATH=/bin"], "WorkingDir": "/"},
 "rootfs": {"type": "layers", "diff_ids": ["sha256:$layer"]}}
JSON
cat > "$work/image/manifest.json" << JSON
[{"Config": "config.json", "RepoTags": ["$reference"], "Layers": ["layer.tar"]}]
JSON
tar -C "$work/image" -cf "$file" manifest.json config.json layer.tar
