import Type from 'typebox';
import { expect, it } from 'vitest';
import { describeFailure, validate, validatorOf } from './validate.ts';

const Numbers = Type.Object({ list: Type.Array(Type.Integer()) });

it('names the field that is wrong, and why', () => {
  expect(describeFailure(validatorOf(Numbers), { list: [1, 'two'] })).toEqual({
    field: 'list/1',
    reason: expect.stringContaining('integer'),
  });
});

it('refuses a value of many parts without looking for what is wrong in it', () => {
  const wrong = { list: Array(200_000).fill('x') };
  expect(() => validate(Numbers, wrong)).toThrow(
    expect.objectContaining({ code: 'VALIDATION_FAILED', field: undefined }),
  );
  expect(describeFailure(validatorOf(Numbers), wrong)).toEqual({
    reason: 'is not valid, and has more than 5000 parts',
  });
  expect(validate(Numbers, { list: Array(6_000).fill(1) }).list).toHaveLength(6_000);
});
