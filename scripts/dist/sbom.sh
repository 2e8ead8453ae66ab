#!/usr/bin/env bash
# The bill of materials as a file (CycloneDX), out of the wheel: maturin puts it there. It has every crate that is built,
# with version, licence and hash. The copy names no directory of this machine.
set -euo pipefail
# shellcheck source=scripts/dist/common.sh
source "$(dirname "$0")/common.sh"

sbom=$dist/lakexpress-$version-$platform.cdx.json
"$(command -v python3 || command -v python)" - "$(only "$dist/*.whl")" "$sbom" <<'PYTHON'
import json, re, sys, zipfile

wheel = zipfile.ZipFile(sys.argv[1])
[name] = [name for name in wheel.namelist() if re.search(r"\.dist-info/sboms/lakexpress.*\.json$", name)]
text = wheel.read(name).decode()
place = json.loads(text)["metadata"]["component"]["bom-ref"].split("#")[0]
text = text.replace(place, "path+file://.")
with open(sys.argv[2], "w", encoding="utf-8", newline="\n") as sbom:
    sbom.write(text)
print("sbom    ", len(json.loads(text)["components"]), "crates ", sys.argv[2].replace("\\", "/").rsplit("/", 1)[1])
PYTHON
