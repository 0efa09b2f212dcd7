# gdb commands for Ephemera; `make gdb` reads this.
set pagination off
set disassembly-flavor att

define cpus
  set $n = 0
  while $n < 255 && cpus[$n]
    printf "CPU %d: %s\n", $n, cpus[$n]->thread ? cpus[$n]->thread->name : "-"
    set $n = $n + 1
  end
end
document cpus
List the CPUs and the thread that each runs.
end

define page
  p vm_page_array.base[$arg0]
end
document page
page PFN: show the struct vm_page of a frame.
end

define ptes
  info registers cr3
  monitor info mem
end
document ptes
Show the address ranges that are mapped on the current CPU.
end

hbreak panic
hbreak panic_trap
echo Stops at panic.  Commands: cpus, page PFN, ptes.  `c' starts.\n
