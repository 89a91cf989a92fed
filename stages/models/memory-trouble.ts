import type { Capacity } from './server-program.ts'

/** Which memory a server ran out of; `killed`: nothing was said, but the kernel ends so what takes more than there is. */
type Memory = 'gpu' | 'kv-cache' | 'host' | 'killed'

const KV_CACHE =
  /larger than the maximum number of tokens that can be stored in KV cache|No available memory for the cache blocks|KV cache is needed, which is larger than the available|failed to (?:initialize|allocate) .*(?:kv|context)|llama_kv_cache\S*: failed|not enough (?:GPU )?memory for .*cache/i
const GPU =
  /CUDA out of memory|OutOfMemoryError|cudaMalloc failed: out of memory|CUDA error: out of memory|CUBLAS_STATUS_ALLOC_FAILED|hipErrorOutOfMemory|HIP out of memory|ErrorOutOfDeviceMemory|Free memory on device .* is less than desired GPU memory utilization/i
const HOST =
  /std::bad_alloc|MemoryError|Cannot allocate memory|DefaultCPUAllocator: (?:can't|not enough)|unable to allocate .*(?:CPU|host)/i

const WORDS: { readonly [memory in Memory]: string } = {
  gpu: 'ran out of GPU memory',
  'kv-cache': 'ran out of memory for its KV cache',
  host: 'ran out of memory',
  killed: 'was killed, as happens when memory runs out',
}

/** Fewer tokens than this are no use to anybody. */
const LEAST_CONTEXT = 1024

/** Whether a text speaks of memory that ran out, as servers say it. */
export function isOutOfMemory(text: string): boolean {
  return GPU.test(text) || HOST.test(text) || KV_CACHE.test(text)
}

/** Which memory a server ran out of, by what it wrote and how it ended, if nobody ended it. */
export function memoryTrouble(
  log: string,
  ended: { signal: string | null; exitCode: number | null } | undefined,
): Memory | undefined {
  if (KV_CACHE.test(log)) return 'kv-cache'
  if (GPU.test(log)) return 'gpu'
  if (HOST.test(log)) return 'host'
  return ended?.signal === 'SIGKILL' || ended?.exitCode === 137 ? 'killed' : undefined
}

/**
 * What to start the server with instead: a shorter context if its own is what does not fit and nobody wrote it, else half
 * the slots. Undefined when nothing is left to take away.
 */
export function reduced(
  memory: Memory,
  capacity: Capacity,
  log: string,
  isContextWritten: boolean,
): { capacity: Capacity; note: string } | undefined {
  const { slots, context } = capacity
  const words = WORDS[memory]
  if (memory === 'kv-cache' && !isContextWritten) {
    const fits = contextThatFits(log, context)
    if (fits !== undefined && fits >= LEAST_CONTEXT && (context === undefined || fits < context))
      return {
        capacity: { slots, context: fits },
        note: `${words}; starting it with a context of ${fits} tokens`,
      }
  }
  if (slots > 1) {
    const half = Math.floor(slots / 2)
    return {
      capacity: { slots: half, context },
      note: `${words}; starting it with ${half} slots, not ${slots}`,
    }
  }
  return undefined
}

// vLLM says how much fits in one of several ways; else half of what was too much.
function contextThatFits(log: string, context: number | undefined): number | undefined {
  const said =
    /estimated maximum model length is (\d+)/i.exec(log)?.[1] ??
    /maximum number of tokens that can be stored in KV cache \((\d+)\)/i.exec(log)?.[1]
  if (said !== undefined) return Math.floor(Number(said) / 16) * 16
  const wanted = context ?? Number(/max seq len \((\d+)\)/i.exec(log)?.[1] ?? Number.NaN)
  return Number.isNaN(wanted) ? undefined : Math.floor(wanted / 32) * 16
}
