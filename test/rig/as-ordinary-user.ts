const NOBODY = 65534

/** Does something without the rights of root, whom no mode of a file keeps from anything. */
export function asOrdinaryUser(work: () => void): void {
  if (process.geteuid?.() !== 0) {
    work()
    return
  }
  process.seteuid?.(NOBODY)
  try {
    work()
  } finally {
    process.seteuid?.(0)
  }
}
