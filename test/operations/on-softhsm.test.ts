import { softHsmOperationRefusals } from '../support/operation-refusals.ts'
import { operationSuite } from '../support/operation-suite.ts'

await operationSuite('SoftHSM', softHsmOperationRefusals)
