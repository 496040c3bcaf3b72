-- What was asked about one photo is found without reading the ledger.
CREATE INDEX requests_of_photo ON requests (name, folder);
