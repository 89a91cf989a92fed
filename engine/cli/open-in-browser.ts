import { spawn } from 'node:child_process'

/** Opens an address in the browser of whoever sits at this machine, if anybody seems to; else nothing happens. */
export function openInBrowser(url: string): void {
  const { DISPLAY, WAYLAND_DISPLAY } = process.env
  const command =
    process.platform === 'darwin'
      ? 'open'
      : DISPLAY !== undefined || WAYLAND_DISPLAY !== undefined
        ? 'xdg-open'
        : undefined
  if (command === undefined || !process.stderr.isTTY) return
  const child = spawn(command, [url], { stdio: 'ignore', detached: true })
  // The address was printed: whoever has no such program opens it by hand.
  child.on('error', () => {})
  child.unref()
}
