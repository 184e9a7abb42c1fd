import { nssOperationRefusals } from '../support/operation-refusals.ts'
import { operationSuite } from '../support/operation-suite.ts'

await operationSuite('NSS', nssOperationRefusals)
