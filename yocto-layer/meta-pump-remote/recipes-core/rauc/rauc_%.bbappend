# Bundles come by file: no download, no stream. And a slot is not good because it has started: the remote's own service says so,
# once its pages stand on a record that opened.
PACKAGECONFIG:pump-remote-os = "json nocreate service"
RRECOMMENDS:${PN}:remove:pump-remote-os = "rauc-mark-good"
