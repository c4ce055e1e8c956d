import { expect, it } from 'vitest';
import { createCloudinaryStorage } from './cloudinary-storage.ts';
import { signParameters } from './signature.ts';

const file = {
  id: '0123456789abcdef01234567',
  kind: 'image',
  contentType: 'image/png',
  filename: 'a.png',
  size: 5,
} as const;
const options = {
  cloudName: 'demo',
  apiKey: '1234',
  apiSecret: 'abcd',
  folder: 'chat',
  apiUrl: 'https://api.cloudinary.com',
  now: () => 1_700_000_000_000,
};

// Source: "Generating authentication signatures" and "How to generate a Cloudinary signature on my own?" in Cloudinary's documentation.
it('signs the examples of the documentation', () => {
  const eager = 'w_400,h_300,c_pad|w_260,h_200,c_crop';
  expect(signParameters({ timestamp: 1_315_060_510, public_id: 'sample_image', eager }, 'abcd')).toBe(
    'bfd09f95f331f558cbd1320e67aa8d488770583e',
  );
  expect(signParameters({ public_id: 'sample_image', timestamp: 1_315_060_510 }, 'abcd')).toBe(
    'b4ad47fb4e25c7bf5f92a20089f9db59bc302313',
  );
});

// Source: the test suites of Cloudinary's own SDKs, which all have these two.
it('signs what the SDKs of Cloudinary sign, with both digests', () => {
  const parameters = { cloud_name: 'dn6ot3ged', timestamp: 1_568_810_420, username: 'user@cloudinary.com' };
  const secret = 'hdcixPpR2iKERPwqvH6sHdK9cyac';
  expect(signParameters(parameters, secret)).toBe('14c00ba6d0dfdedbc86b316847d95b9e6cd46d94');
  expect(signParameters(parameters, secret, 'sha256')).toBe(
    '45ddaa4fa01f0c2826f32f669d2e4514faf275fe6df053f1a150e7beae58a3bd',
  );
});

it('a value cannot pass for a further parameter', () => {
  expect(signParameters({ folder: 'x&timestamp=1' }, 's')).not.toBe(signParameters({ folder: 'x', timestamp: 1 }, 's'));
});

it('a ticket names one private place that it may not overwrite, and dies at its time', async () => {
  const ticket = await createCloudinaryStorage(options).ticket(file, new Date(1_700_000_900_000));
  expect(ticket).toMatchObject({ uploadUrl: 'https://api.cloudinary.com/v1_1/demo/image/upload', method: 'POST' });
  const { signature, api_key, ...signed } = ticket.fields ?? {};
  expect(api_key).toBe('1234');
  // Cloudinary takes a signature for an hour: its timestamp lies so far back that the hour ends with the ticket
  const timestamp = String(1_700_000_900 - 3_600);
  expect(signed).toEqual({ public_id: `chat/${file.id}`, timestamp, type: 'private', overwrite: 'false' });
  expect(signature).toBe(signParameters(signed, 'abcd'));
});

it('links expire, and other files than images, videos and sounds are downloaded', async () => {
  const storage = createCloudinaryStorage(options);
  const expiresAt = new Date(1_700_000_900_000);
  const image = new URL(await storage.link(file, 'original', expiresAt));
  expect(image.pathname).toBe('/v1_1/demo/image/download');
  const { signature, api_key, ...signed } = Object.fromEntries(image.searchParams);
  expect([api_key, signature]).toEqual(['1234', signParameters(signed, 'abcd')]);
  expect(signed).toMatchObject({ expires_at: '1700000900', type: 'private' });
  expect(image.searchParams.has('attachment')).toBe(false);
  const raw = new URL(await storage.link({ ...file, kind: 'file' }, 'original', expiresAt));
  expect([raw.pathname, raw.searchParams.get('attachment')]).toEqual(['/v1_1/demo/raw/download', 'true']);
});
