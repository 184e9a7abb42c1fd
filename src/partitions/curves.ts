export { curves } from '../objects/curves.ts'
