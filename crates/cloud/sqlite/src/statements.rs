//! Where the SQL of a module stands.

/// Makes a constant of each SQL text of a module, and for a test the list of them.
macro_rules! statements {
    ($($name:ident = $sql:expr;)*) => {
        $(const $name: &str = $sql;)*

        #[cfg(test)]
        pub(crate) const STATEMENTS: &[(&str, &str)] = &[$((stringify!($name), $name)),*];
    };
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use crate::{
        accounts, blobs, buckets, copy, identity, images, objects, schema, secrets, transfer,
        upkeep, uploads,
    };

    #[test]
    fn each_statement_goes_with_the_tables() {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::prepare(&mut connection).unwrap();
        let modules = [
            accounts::STATEMENTS,
            blobs::STATEMENTS,
            buckets::STATEMENTS,
            copy::STATEMENTS,
            identity::STATEMENTS,
            images::STATEMENTS,
            objects::STATEMENTS,
            secrets::STATEMENTS,
            transfer::STATEMENTS,
            upkeep::STATEMENTS,
            uploads::STATEMENTS,
        ];
        for (name, sql) in modules.concat() {
            let prepared = connection.prepare(sql);
            assert!(prepared.is_ok(), "{name}: {:?}", prepared.err());
        }
    }
}
