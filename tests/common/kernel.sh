# Debian's stock kernel for an emulated machine, unpacked and not installed; to be sourced.

# Unpacks it into the directory $1, unless that was done before; says where it is. $2 is a directory to work in.
debian_kernel() {
    local package found
    found=$(find "$1/boot" -name 'vmlinuz-*' 2>/dev/null | head -n 1)
    if [ -z "$found" ]; then
        apt-get update -qq >/dev/null
        package=$(apt-cache depends linux-image-amd64 | sed -n 's/^ *Depends: //p' | head -n 1)
        (cd "$2" && apt-get download -qq "$package" >/dev/null 2>&1 && dpkg -x "$package"_*.deb "$2/kernel") || return 1
        rm -rf "$1" && cp -r "$2/kernel" "$1"
        found=$(find "$1/boot" -name 'vmlinuz-*' | head -n 1)
    fi
    [ -n "$found" ] && echo "$found"
}

# Installs the Debian packages behind these commands, if one of them is missing: COMMAND PACKAGE [COMMAND PACKAGE]...
debian_commands() {
    local missing=()
    while [ $# -gt 1 ]; do
        command -v "$1" >/dev/null || missing+=("$2")
        shift 2
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    apt-get update -qq >/dev/null
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}
