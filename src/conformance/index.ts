/** Runs XML test cases, such as OASIS publishes, against any KMIP server. */
export type { CaseResult, Exchange } from './run-case.ts'
export { runCase } from './run-case.ts'
export type { Step, TestCase } from './test-case.ts'
export { readTestCase } from './test-case.ts'
