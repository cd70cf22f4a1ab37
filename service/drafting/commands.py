"""Finds shell commands and destructive statements in a text."""

import re
from collections.abc import Iterator

__all__ = ["commands"]

# Programs whose names are no everyday words: after them an argument is enough to know a command.
_PROGRAM = (
    r"ansible|apk|apt|apt-get|aptitude|awk|aws|az|base64|bash|brew|bunzip2|cargo|cat|certutil|chattr|"
    r"chmod|chown|chroot|cmd|composer|conda|cp|crontab|csh|curl|dd|del|dig|dnf|doas|docker|"
    r"docker-compose|dpkg|echo|esptool|eval|exec|export|fdisk|find|format|fsck|gcloud|gem|gh|git|gpg|"
    r"grep|gunzip|gzip|helm|iex|iptables|java|journalctl|kill|killall|ksh|kubectl|launchctl|ldapsearch|"
    r"ln|lsof|mkdir|mkfs|mkfs\.ext4|mongo|mongosh|mount|msiexec|mv|mvn|mysql|mysqldump|nc|ncat|netcat|"
    r"netsh|nft|nmap|node|nohup|npm|npx|nslookup|openssl|passwd|perl|php|ping|pip|pip3|pipx|pkexec|"
    r"pkill|pnpm|podman|powershell|psql|pwsh|python|python3|rd|reboot|redis-cli|reg|regsvr32|rm|rmdir|"
    r"rpm|rsync|ruby|runas|rundll32|schtasks|scp|screen|sed|service|sftp|sh|shutdown|socat|source|ssh|"
    r"ssh-keygen|su|sudo|systemctl|tail|tar|taskkill|tee|telnet|terraform|tmux|touch|truncate|ufw|"
    r"umount|unzip|useradd|usermod|uv|vi|vim|visudo|wget|wmic|xargs|xxd|yarn|yum|zip|zsh|zypper"
)
# What no everyday word is followed by: "the service **orders**" and "the node and/or the pool" are prose.
_ARGUMENT = r"(?:-{1,2}[a-z]|[~$]|[<>|&]+\w|\.{0,2}/|\.[ \t]|[a-z]:\\|[\w.-]+=|[\w.-]*[\\~$]\w|\*\.|\w[\w.-]*/[\w.-]+/)"
_NO_WORD = (  # "curl returns 200" and "ssh keys" are no commands
    r"(?!(?:is|are|was|were|and|or|to|for|in|on|with|the|a|an|can|does|did|that|which|returns?|shows?|fails?|calls?|access|keys?|command"
    r"|commands|sessions?|rights?|permissions?|requests?|works?|worked|answers?|then|now|again|also|as|has|had|needs?|will|may|if|so|at)\b)"
)
_IN_PROSE = re.compile(
    rf"(?<![\w./-])(?:(?:{_PROGRAM})(?:\.exe)?[ \t]+(?={_ARGUMENT})\S+"
    rf"|(?:sudo|doas|pkexec|runas|rm|rmdir|chmod|chown|curl|wget|scp|ssh|kubectl|iex|powershell|pwsh|apt-get|systemctl|eval)"
    rf"[ \t]+{_NO_WORD}[\w'\"$(]\S*"
    r"|(?:git|docker|npm|pip3?|yarn|apt|yum|dnf|brew|helm|terraform|gem|cargo|npx|gh)[ \t]+(?:install|clone|push|pull|reset|rebase|checkout"
    r"|run|exec|rm|rmi|stop|kill|restart|prune|system|destroy|apply|delete|uninstall|remove|publish|build|login|config)\b(?=[ \t]+\S)"
    rf"|(?<=run )(?:{_PROGRAM})[ \t]+{_NO_WORD}\w\S*|(?<=execute )(?:{_PROGRAM})[ \t]+{_NO_WORD}\w\S*"
    rf"|(?<=run )[a-z][\w.-]*(?:[ \t]+{_NO_WORD}[\w./:=@-]+)*[ \t]+--?[a-z][\w-]*)"
    r"(?:[ \t]+(?=[^\s`]*[-/~$=*\\\"'<>:\d]|[^\s`]+\.[^\s`])[^\s`;|]+)*",
    re.IGNORECASE,
)
_SHELL = re.compile(
    r"\|\s*(?:sudo\s+)?(?:ba|z|k|da)?sh\b|\$\([^)]*\)?|&&|\|\||:\(\)\s*\{|/dev/(?:tcp|null|sd|zero|random)|<<-?\s*['\"]?[A-Z]{3}\b"
    r"|>\s*/(?:etc|dev|bin|usr)|\b(?:Invoke-\w+|New-Object|Start-Process|Set-ExecutionPolicy|Remove-Item|Get-\w+)\b"
    r"|\brm\s+-|\b(?:os\.system|subprocess\.\w+|child_process|Runtime\.getRuntime|__import__|eval|exec)\s*\(|\bFORMAT\s+[A-Z]:",
    re.IGNORECASE,
)
_STATEMENT = re.compile(
    r"\b(?:drop\s+(?:table|database|schema|user|index|view|collection|role)|truncate\s+table|delete\s+from|alter\s+(?:table|user|role|system)"
    r"|insert\s+into|update\s+\w+\s+set|grant\s+\w+(?:\s+\w+)?\s+(?:on|to)|flushall|flushdb|db\.\w+\.(?:drop|remove|deleteMany))\b[^\n`]*",
    re.IGNORECASE,
)
_CODE = re.compile(r"(`+)(.+?)\1|(?:```|~~~)[^\n]*\n(.*)", re.DOTALL)
_SCRIPT = re.compile(
    r"(?:```|~~~)[ \t]*(?:ba|z|k|da)?sh(?:ell|-session)?[ \t]*\n(.*?)(?:\n[ \t]*(?:```|~~~)|\Z)", re.DOTALL
)
_SET = re.compile(r"`(?:\w+[ \t]+)?([A-Z][A-Z0-9]*_[A-Z0-9_]*[ \t]?=)")
_PROMPT = re.compile(
    r"^[ \t]*(?:\$|#|>|%|PS [^>\n]*>|[A-Za-z]:\\[^>\n]*>|\w+@\w[\w.:~-]*[$#])[ \t]+(?=[A-Za-z./])",
    re.MULTILINE,
)
_IN_CODE = re.compile(
    rf"(?:(?:{_PROGRAM})(?:\.exe)?[ \t]+\S|[a-z./][\w./-]*(?:[ \t]+[\w./:=@-]+)*[ \t]+--?[a-z])",
    re.IGNORECASE,
)


def commands(text: str) -> Iterator[str]:
    """Yield every command in a folded text, white space as one space; the program's name leads it."""
    for pattern in (_IN_PROSE, _SHELL, _STATEMENT):
        for found in pattern.finditer(text):
            yield _normal(found[0])
    for code in _CODE.finditer(text):
        for line in (code[2] or code[3] or "").splitlines():
            bare = _PROMPT.sub("", line).strip()
            if _IN_CODE.match(bare):
                yield _normal(bare)
    for script in _SCRIPT.finditer(text):
        yield from filter(None, (_normal(_PROMPT.sub("", line)) for line in script[1].splitlines()))
    for found in _SET.finditer(text):
        yield _normal(found[1].rstrip("= \t"))
    for found in _PROMPT.finditer(text):
        if (
            found[0].strip()[0] not in "#>%"
        ):  # at the beginning of a line # and > are a heading and a quotation
            yield _normal(text[found.end() :].partition("\n")[0])


def _normal(command: str) -> str:
    return re.sub(r"\s+", " ", command).strip(" .,;:!?`").casefold()
