export * from './search'
export * from './training'
