/** Shells that completion is there for. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const

export type Shell = (typeof SHELLS)[number]

/**
 * What a shell reads to complete `queryloom`. Each hands the words so far to `queryloom complete`, which prints a
 * candidate a line, its meaning behind a tab, and `:files` or `:folders` where these could stand too; so what is
 * offered is always that of the version that is called.
 */
export const COMPLETION_SCRIPTS: { readonly [shell in Shell]: string } = {
  // Bash has split words at `=` and `:` before it asks, and wants only what follows the last of them.
  bash: `# queryloom completion for bash: source <(queryloom completion bash)
_queryloom() {
  local line="\${COMP_LINE:0:COMP_POINT}" current="" answer candidate
  local -a words
  read -ra words <<<"\${line//\\\\/}"
  [[ $line == *[[:space:]] ]] || { current="\${words[-1]}"; unset 'words[-1]'; }
  local part="\${COMP_WORDS[COMP_CWORD]//\\\\/}"
  [[ $part == [=:] ]] && part=""
  local prefix="\${current%"$part"}"
  COMPREPLY=()
  while IFS=$'\\t' read -r candidate answer; do
    case "$candidate" in
      :files) compopt -o filenames 2>/dev/null; mapfile -t -O "\${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$part") ;;
      :folders) compopt -o filenames 2>/dev/null; mapfile -t -O "\${#COMPREPLY[@]}" COMPREPLY < <(compgen -d -- "$part") ;;
      *=) compopt -o nospace 2>/dev/null; COMPREPLY+=("\${candidate#"$prefix"}") ;;
      *) printf -v candidate '%q' "\${candidate#"$prefix"}"; COMPREPLY+=("$candidate") ;;
    esac
  done < <("\${words[0]}" complete -- "\${words[@]:1}" "$current" 2>/dev/null)
}
complete -F _queryloom queryloom
`,
  zsh: `#compdef queryloom
# queryloom completion for zsh: source <(queryloom completion zsh)
_queryloom() {
  local line word meaning
  local -a described open
  for line in "\${(@f)$(\${words[1]} complete -- "\${(@Q)words[2,CURRENT]}" 2>/dev/null)}"; do
    word="\${line%%$'\\t'*}" meaning=""
    [[ "$line" == *$'\\t'* ]] && meaning=":\${line#*$'\\t'}"
    case "$word" in
      '') ;;
      :files) _files ;;
      :folders) _files -/ ;;
      *=) open+=("$word") ;;
      *) described+=("\${word//:/\\\\:}$meaning") ;;
    esac
  done
  (( \${#open} )) && compadd -S '' -- "\${open[@]}"
  (( \${#described} )) && _describe queryloom described
}
compdef _queryloom queryloom
`,
  fish: `# queryloom completion for fish: queryloom completion fish | source
function __queryloom_complete
  set -l words (commandline -opc)
  set -l current (commandline -ct)
  for line in (command $words[1] complete -- $words[2..-1] "$current" 2>/dev/null)
    switch $line
      case ':files*'
        __fish_complete_path "$current"
      case ':folders*'
        __fish_complete_directories "$current"
      case '*'
        echo $line
    end
  end
end
complete -c queryloom -f -a '(__queryloom_complete)'
`,
}
