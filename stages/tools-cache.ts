/** Folders built once per content and shared by projects: Python environments, model files, downloads. */
export interface ToolsCache {
  /**
   * The folder of that kind and key; `build` fills a private one first if it is not there yet, or if `isWhole` finds it
   * damaged. What it puts into `kept` (made by it if needed) is there again after a failure, and goes with success.
   */
  getOrBuild(
    kind: string,
    key: string,
    build: (folder: string, kept: string) => Promise<void>,
    isWhole?: (folder: string) => Promise<boolean>,
  ): Promise<string>
  /** The folder if it is there already. */
  find(kind: string, key: string): string | undefined
}
