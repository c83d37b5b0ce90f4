# bash completion for flatvmctl(8)

# Names that flatvmd knows; nothing if it does not answer at once.
_flatvmctl_tenants() {
  flatvmctl --timeout 2s tenant list 2>/dev/null | awk 'NR > 1 { print $1 }'
}

# Those of tenant $1 that can be removed.
_flatvmctl_networks() {
  flatvmctl --timeout 2s tenant network list "$1" 2>/dev/null |
    awk 'NR > 1 && $1 != "default" { print $1 }'
}

_flatvmctl_vms() {
  flatvmctl --timeout 2s list 2>/dev/null | awk 'NR > 1 { print $1 "/" $2 }'
}

_flatvmctl_images() {
  flatvmctl image list 2>/dev/null | awk 'NR > 1 { print $1 }'
}

_flatvmctl() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
  local word command= i
  local -a names=()
  local common='--json --socket --timeout --help'
  local limits='--memory --vcpus --vms --disk --cpus --read-bps --write-bps --read-iops --write-iops'
  limits+=' --carve --primary-min-memory --network --forward'
  limits+=' --net-out-bps --net-in-bps --vm-net-out-bps --vm-net-in-bps'
  local images='--catalog --config'
  COMPREPLY=()

  # The command is what is neither an option nor an option's value; behind it are names.
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    case $word in
      --socket | --timeout | --tenant | --primary | --memory | --vcpus | --vms | --disk | --quota-disk) ((i++)) ;;
      --cpus | --read-bps | --write-bps | --read-iops | --write-iops) ((i++)) ;;
      --carve | --primary-min-memory | --network | --forward) ((i++)) ;;
      --net-out-bps | --net-in-bps | --vm-net-out-bps | --vm-net-in-bps) ((i++)) ;;
      --format | --kernel | --initrd | --cmdline | --description | --min-memory) ((i++)) ;;
      --catalog | --config | --bridge | --vlan) ((i++)) ;;
      -*) ;;
      *)
        case $command in
          '') command=$word ;;
          tenant | volume | image | 'tenant network') command="$command $word" ;;
          *) names+=("$word") ;;
        esac
        ;;
    esac
  done

  local words=
  case $prev in
    --socket | --kernel | --initrd | --config)
      COMPREPLY=($(compgen -f -- "$cur"))
      return
      ;;
    --catalog)
      COMPREPLY=($(compgen -d -- "$cur"))
      return
      ;;
    --format) words='raw qcow2' ;;
    --disk)
      [[ $command != 'image add' ]] || COMPREPLY=($(compgen -f -- "$cur"))
      return
      ;;
    --primary) words=$(virsh --quiet list --all --name 2>/dev/null) ;;
    --tenant) words=$(_flatvmctl_tenants) ;;
    --cpus) words=all ;;
    --forward) words=none ;;
    --read-bps | --write-bps | --read-iops | --write-iops) words=none ;;
    --net-out-bps | --net-in-bps | --vm-net-out-bps | --vm-net-in-bps) words=none ;;
    --carve) words='reserved balloon' ;;
    --network)
      words='nat isolated via-primary'
      [[ $command != 'tenant network add' ]] || words='nat isolated bridge'
      ;;
    --bridge) words=$(ip -o link show type bridge 2>/dev/null | awk -F': ' '$2 !~ /^fv-/ { print $2 }') ;;
    --vlan | --timeout | --memory | --vcpus | --vms | --quota-disk | --primary-min-memory) return ;;
    --cmdline | --description | --min-memory) return ;;
    *)
      case $command in
        '') words="tenant volume image list show destroy check --version $common" ;;
        tenant) words="add set remove list show network $common" ;;
        'tenant network') words="add remove list $common" ;;
        'tenant network add')
          words="--network --bridge --vlan --validate-only $common"
          case $cur/${#names[@]} in
            -*) ;;
            */0) words=$(_flatvmctl_tenants) ;;
            */1) words= ;;  # a name that is not there yet
          esac
          ;;
        'tenant network remove')
          words="--validate-only $common"
          case $cur/${#names[@]} in
            -*) ;;
            */0) words=$(_flatvmctl_tenants) ;;
            */1) words=$(_flatvmctl_networks "${names[0]}") ;;
          esac
          ;;
        'tenant network list')
          words=$common
          [[ $cur == -* ]] || words=$(_flatvmctl_tenants)
          ;;
        'tenant add') words="--primary $limits --quota-disk --restart --validate-only $common" ;;
        'tenant set')
          words="$limits --force --validate-only $common"
          [[ $cur == -* ]] || words=$(_flatvmctl_tenants)
          ;;
        'tenant remove')
          words="--destroy-secondaries --delete-volumes --restart --validate-only $common"
          [[ $cur == -* ]] || words=$(_flatvmctl_tenants)
          ;;
        'tenant list') words=$common ;;
        'tenant show')
          words=$common
          [[ $cur == -* ]] || words=$(_flatvmctl_tenants)
          ;;
        volume) words="list $common" ;;
        image) words="add list remove verify $common" ;;
        'image add')
          words="--disk --format --kernel --initrd --cmdline --description --min-memory"
          words+=" --validate-only $images $common"
          ;;
        'image list') words="--own --tenant $images $common" ;;
        'image remove')
          words="--force --validate-only $images $common"
          [[ $cur == -* ]] || words=$(_flatvmctl_images)
          ;;
        'image verify')
          words="$images $common"
          [[ $cur == -* ]] || words=$(_flatvmctl_images)
          ;;
        list | 'volume list') words="--tenant $common" ;;
        check) words="--config $common" ;;
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
