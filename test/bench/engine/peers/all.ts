import { dvc } from './dvc.ts'
import { execaLoop } from './execa-loop.ts'
import { make } from './make.ts'
import { ninja } from './ninja.ts'
import type { Peer } from './peer.ts'
import { queryloom } from './queryloom.ts'
import { snakemake } from './snakemake.ts'
import { turbo } from './turbo.ts'
import { wireit } from './wireit.ts'

/** All that can be measured, in the order of the rounds and the tables: those that are compared most are neighbours. */
export const PEERS: readonly Peer[] = [queryloom, execaLoop, make, ninja, wireit, snakemake, turbo, dvc]
