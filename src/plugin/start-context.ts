import type { Status } from '../abi/types.ts';
import { Context } from './context.ts';
import { Forbidden } from './death.ts';

function forbidden(): never {
  throw new Forbidden(
    'the module called a hostcall while it was starting: only logging and WASI are allowed there',
  );
}

/** The context of `_initialize`, `main` and `_start`: logging only (as cpp-host); anything else ends the VM. */
export class StartContext extends Context {
  override fields = forbidden;
  override writableFields = forbidden;
  override buffer = forbidden;
  override writableBuffer = forbidden;
  override property = forbidden;
  override setProperty: () => Status = forbidden;
  override continueStream: () => Status = forbidden;
  override closeStream: () => Status = forbidden;
  override sendLocalResponse: () => Status = forbidden;
  override done: () => Status = forbidden;
  override clearRouteCache: () => Status = forbidden;
  override configuration = forbidden;
  override setTickPeriod = forbidden;
  override httpCall = forbidden;
  override grpcCall = forbidden;
  override grpcSend = forbidden;
  override grpcCancel = forbidden;
  override grpcClose = forbidden;
  override callStatus = forbidden;
  override sharedData = forbidden;
  override setSharedData = forbidden;
  override registerQueue = forbidden;
  override resolveQueue = forbidden;
  override enqueue = forbidden;
  override dequeue = forbidden;
  override defineMetric = forbidden;
  override recordMetric = forbidden;
  override incrementMetric = forbidden;
  override metricValue = forbidden;
  override callForeignFunction = forbidden;
}
