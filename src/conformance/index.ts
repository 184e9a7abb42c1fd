/** Runs XML test cases, such as OASIS publishes, against any KMIP server. */
export { readFolder, type UnreadableCase } from './read-folder.ts'
export { type CaseResult, type Exchange, Memory, runCase } from './run-case.ts'
export { type Result, type RunOptions, runCases, type SeriesClient, type WaitingCase } from './run-cases.ts'
export { readTestCase, type Step, seriesOf, type TestCase } from './test-case.ts'
