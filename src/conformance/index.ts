/** Runs XML test cases, such as OASIS publishes, against any KMIP server. */
export type { CaseResult, Exchange } from './run-case.ts'
export { Memory, runCase } from './run-case.ts'
export type { Step, TestCase } from './test-case.ts'
export { readTestCase, seriesOf } from './test-case.ts'
