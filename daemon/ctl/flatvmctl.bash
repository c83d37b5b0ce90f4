# bash completion for flatvmctl(8)

# Names that flatvmd knows; nothing if it does not answer at once.
_flatvmctl_tenants() {
  flatvmctl --timeout 2s tenant list 2>/dev/null | awk 'NR > 1 { print $1 }'
}

_flatvmctl_vms() {
  flatvmctl --timeout 2s list 2>/dev/null | awk 'NR > 1 { print $1 "/" $2 }'
}

_flatvmctl() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
  local word command= i
  local common='--json --socket --timeout --help'
  local limits='--memory --vcpus --vms --disk --cpus --read-bps --write-bps --read-iops --write-iops'
  limits+=' --carve --primary-min-memory'
  COMPREPLY=()

  # The command is what is neither an option nor an option's value.
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    case $word in
      --socket | --timeout | --tenant | --primary | --memory | --vcpus | --vms | --disk) ((i++)) ;;
      --cpus | --read-bps | --write-bps | --read-iops | --write-iops) ((i++)) ;;
      --carve | --primary-min-memory) ((i++)) ;;
      -*) ;;
      *)
        case $command in
          '') command=$word ;;
          tenant) command="tenant $word" ;;
        esac
        ;;
    esac
  done

  local words=
  case $prev in
    --socket)
      COMPREPLY=($(compgen -f -- "$cur"))
      return
      ;;
    --primary) words=$(virsh --quiet list --all --name 2>/dev/null) ;;
    --tenant) words=$(_flatvmctl_tenants) ;;
    --cpus) words=all ;;
    --read-bps | --write-bps | --read-iops | --write-iops) words=none ;;
    --carve) words='reserved balloon' ;;
    --timeout | --memory | --vcpus | --vms | --disk | --primary-min-memory) return ;;
    *)
      case $command in
        '') words="tenant list show destroy --version $common" ;;
        tenant) words="add set remove list show $common" ;;
        'tenant add') words="--primary $limits --restart --validate-only $common" ;;
        'tenant set')
          words="$limits --force --validate-only $common"
          [[ $cur == -* ]] || words=$(_flatvmctl_tenants)
          ;;
        'tenant remove')
          words="--destroy-secondaries --restart --validate-only $common"
          [[ $cur == -* ]] || words=$(_flatvmctl_tenants)
          ;;
        'tenant list') words=$common ;;
        'tenant show')
          words=$common
          [[ $cur == -* ]] || words=$(_flatvmctl_tenants)
          ;;
        list) words="--tenant $common" ;;
        show)
          words="--tenant $common"
          [[ $cur == -* ]] || words=$(_flatvmctl_vms)
          ;;
        destroy)
          words="--tenant --validate-only $common"
          [[ $cur == -* ]] || words=$(_flatvmctl_vms)
          ;;
      esac
      ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}

complete -F _flatvmctl flatvmctl
