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
    use rusqlite::{Connection, StatementStatus};

    use crate::{
        accounts, blobs, buckets, copy, groups, identity, images, instances, key_pairs, objects,
        readers, schema, secrets, transfer, upkeep, uploads,
    };

    /// All statements, each with its name.
    fn all() -> Vec<(&'static str, &'static str)> {
        let modules = [
            accounts::STATEMENTS,
            blobs::STATEMENTS,
            buckets::STATEMENTS,
            copy::STATEMENTS,
            groups::STATEMENTS,
            identity::STATEMENTS,
            images::STATEMENTS,
            instances::STATEMENTS,
            key_pairs::STATEMENTS,
            objects::STATEMENTS,
            readers::STATEMENTS,
            secrets::STATEMENTS,
            transfer::STATEMENTS,
            upkeep::STATEMENTS,
            uploads::STATEMENTS,
        ];
        modules.concat()
    }

    fn tables() -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::prepare(&mut connection).unwrap();
        connection
    }

    #[test]
    fn each_statement_goes_with_the_tables() {
        let connection = tables();
        for (name, sql) in all() {
            let prepared = connection.prepare(sql);
            assert!(prepared.is_ok(), "{name}: {:?}", prepared.err());
        }
    }

    #[test]
    fn a_statement_is_prepared_once_whatever_its_values() {
        let connection = tables();
        let mut looked_at = 0;
        for (name, sql) in all() {
            let mut statement = connection.prepare(sql).unwrap();
            if !statement.readonly() || statement.parameter_count() == 0 {
                continue;
            }
            for value in ["a", "b", "c"] {
                for index in 1..=statement.parameter_count() {
                    statement.raw_bind_parameter(index, value).unwrap();
                }
                // A limit must be a number, which is found out when the statement runs.
                let _ = statement.raw_query().next();
            }
            let again = statement.get_status(StatementStatus::RePrepare);
            assert_eq!(again, 0, "{name}");
            looked_at += 1;
        }
        assert!(looked_at > 20, "{looked_at}");
    }
}
