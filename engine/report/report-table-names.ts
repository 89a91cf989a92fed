/** Tables of a report beside that of its systems, in their order; each is there in every report, if without rows. */
export const REPORT_PARTS = [
  'curves',
  'task-groups',
  'contrasts',
  'plateaus',
  'claims',
  'ladder',
  'filters',
  'diversity',
  'labels',
  'pools',
  'costs',
  'projections',
  'provenance',
] as const

/** Tables that can be printed as CSV. */
export type ReportTableName = 'systems' | (typeof REPORT_PARTS)[number]
export const REPORT_TABLES: readonly ReportTableName[] = ['systems', ...REPORT_PARTS]
